# The troughs of a run: one panel a metric, one colour an observer.
#
# harness/report/plot.c says everything with -e: title, data (the folder of the
# data files), out (the folder of the pictures), t_unit, has_events, events_name, panels,
# and for panel p: panel_p_title, panel_p_unit, panel_p_count, and for its
# series i: key_p_i. The files: samples-p-i.dat (t value events),
# troughs-p-i.dat (t value), events-1-1.dat (as samples).

# Colours that stay apart for colour-blind eyes (Okabe and Ito, 2008).
array colour[6] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", \
                   "#56B4E9"]
ink = "#333333"
quiet = "#8A8A8A"

told(name, p) = value(sprintf("panel_%d_%s", p, name))
key_of(p, i) = value(sprintf("key_%d_%d", p, i))
file(kind, p, i) = sprintf("%s/%s-%d-%d.dat", data, kind, p, i)

# The panels share the page below the title and above the time axis.
page_top = 0.915
page_bottom = 0.085
gap = 0.055
panel_height = (page_top - page_bottom - gap * (panels - 1)) / panels
top_of(p) = page_top - (p - 1) * (panel_height + gap) - 0.035
bottom_of(p) = page_top - (p - 1) * (panel_height + gap) - panel_height

set encoding utf8
set border 3 linecolor rgb ink linewidth 1
set tics nomirror textcolor rgb ink
set grid ytics linecolor rgb "#E4E4E4" linetype 1 linewidth 1
set style fill noborder
set lmargin at screen 0.085
set rmargin at screen 0.915

stats file("samples", 1, 1) using 1 nooutput
set xrange [0:(STATS_max > 0 ? STATS_max : 1)]

do for [pass = 1:2] {
    if (pass == 1) {
        set terminal svg size 1000,700 dynamic font "sans-serif,14" \
            background rgb "white"
        set output out . "/troughs.svg"
        small = ",11"; normal = ",14"; large = ",20"
    } else {
        set terminal pngcairo size 1000,700 font "Sans,11" \
            background rgb "white"
        set output out . "/troughs.png"
        small = ",9"; normal = ",11"; large = ",16"
    }
    set multiplot
    set label 1 title at screen 0.085, 0.965 left noenhanced \
        textcolor rgb ink font large front
    set label 3 "time, " . t_unit at screen 0.085, 0.022 left \
        textcolor rgb ink
    set label 4 "dots: all samples    steps: troughs, which are judged    " \
        . (has_events ? "grey: " . events_name : "") \
        at screen 0.915, 0.022 right textcolor rgb quiet
    do for [p = 1:panels] {
        n = told("count", p)
        key_font = n > 3 ? small : normal
        set tmargin at screen top_of(p)
        set bmargin at screen bottom_of(p)
        set label 2 sprintf("%s, %s", told("title", p), told("unit", p)) \
            at screen 0.085, top_of(p) + 0.021 left noenhanced textcolor rgb ink front
        if (strlen(told("unit", p)) == 0) {
            set label 2 told("title", p)
        }
        set yrange [0:*]
        set offsets graph 0, graph 0, graph 0.06, graph 0
        set key at screen 0.915, top_of(p) + 0.046 right top horizontal Left reverse \
            noenhanced textcolor rgb ink samplen 0.6 maxrows 1 \
            font key_font
        if (p == panels) {
            set format x "%g"
        } else {
            set format x ""
        }
        if (has_events) {
            set border 11
            set y2tics textcolor rgb quiet
            set y2range [0:*]
            set y2label events_name textcolor rgb quiet offset -0.5, 0
        }
        # A series that was not judged has an empty file of troughs.
        plot \
            for [k = 1:has_events] file("events", k, 1) \
                using 1:3 axes x1y2 with lines linewidth 1 \
                linecolor rgb "#B0B0B0" notitle, \
            for [i = 1:n] file("samples", p, i) using 1:2 with points \
                pointtype 7 pointsize 0.3 \
                linecolor rgb "#A0" . substr(colour[i], 2, 7) notitle, \
            for [i = 1:n] file("troughs", p, i) using 1:2 with steps \
                linewidth 1.6 linecolor rgb colour[i] notitle, \
            for [i = 1:n] file("troughs", p, i) using 1:2 with points \
                pointtype 7 pointsize 0.75 linecolor rgb colour[i] notitle, \
            for [i = 1:n] keyentry with points pointtype 7 pointsize 0.75 \
                linecolor rgb colour[i] title key_of(p, i)
        unset label
    }
    unset multiplot
    unset output
}
