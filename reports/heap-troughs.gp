# The troughs of allocated memory against churn, before and after on one plot;
# once for a wide page, once for a phone.
#
# harness/heap/page_plot.c says everything with -e: data (the beginning of the
# paths of files of lines "events value"), out (the beginning of the pictures'
# paths), lines, unit, and for line i: is_after_i; label_before and label_after
# ("" for none). The colours are as in heap-bars.gp.
ink = "#333333"
quiet = "#8A8A8A"
before = "#B0ADA6"
after = "#0072B2"

is_after(i) = value(sprintf("is_after_%d", i))
file(i) = sprintf("%s-%d.dat", data, i)

set encoding utf8
set border 3 linecolor rgb quiet linewidth 0.6
set tics nomirror textcolor rgb quiet scale 0.4
set grid ytics linecolor rgb quiet linewidth 0.3 dashtype 3
set xrange [0:*]
set yrange [0:*]
set offsets 0, 0, graph 0.08, 0
set format y "%g " . unit

do for [pass = 1:2] {
    is_wide = pass == 1
    wide = is_wide ? 900 : 380
    high = is_wide ? 380 : 300
    size = is_wide ? 15 : 14
    set terminal svg size wide, high dynamic \
        font sprintf("sans-serif,%d", size)
    set output out . (is_wide ? "-wide.svg" : "-narrow.svg")
    set lmargin at screen (is_wide ? 0.09 : 0.19)
    set rmargin at screen (is_wide ? 0.97 : 0.95)
    set tmargin at screen 0.97
    set bmargin at screen (is_wide ? 0.19 : 0.22)
    set xlabel "churn events" textcolor rgb quiet
    set key top left Left reverse noenhanced textcolor rgb ink samplen 1.4
    plot for [i = 1:lines] file(i) using 1:2 with linespoints \
            linewidth 2 pointtype 7 pointsize (is_wide ? 0.5 : 0.35) \
            linecolor rgb (is_after(i) ? after : before) notitle, \
        for [k = 1:(strlen(label_before) > 0)] keyentry with lines \
            linewidth 4 linecolor rgb before title label_before, \
        for [k = 1:(strlen(label_after) > 0)] keyentry with lines \
            linewidth 4 linecolor rgb after title label_after
    unset output
}
