# What meshsim measured, as one page of six panels: reliability right after
# failures, healing by cycle, cycles to heal; in-degrees, Plumtree's redundancy,
# hops to the last delivery.
#
# node/meshsim_plot.c says with -e: folder (of the data files and the pictures),
# nodes, seed, messages, full (size of the active view), limit (cycles after
# which healing is given up), experiments (bits: 2 failures, 4 healing, 8
# trees). The data files say in their first line what their columns are.

# Colours that stay apart for colour-blind eyes (Okabe and Ito, 2008).
noticed = "#0072B2"
sent = "#D55E00"
healed = "#009E73"
ink = "#333333"
quiet = "#8A8A8A"

file(name) = sprintf("%s/%s.dat", folder, name)
has(bit) = int(experiments / bit) % 2

set encoding utf8
set border 3 linecolor rgb ink linewidth 1
set tics nomirror textcolor rgb ink
set grid ytics linecolor rgb "#E4E4E4" linetype 1 linewidth 1
set style fill solid noborder
set boxwidth 0.8

# Panels in reading order, as parts of the page.
left_of(p) = 0.05 + 0.325 * ((p - 1) % 3)
right_of(p) = left_of(p) + 0.265
top_of(p) = p <= 3 ? 0.84 : 0.40
bottom_of(p) = top_of(p) - 0.29

# Columns of healing.dat: 10 ... 90, 95 per cent.
array shown_column[4] = [6, 9, 10, 11]
array shown_percent[4] = [50, 80, 90, 95]
array shown_colour[4] = ["#56B4E9", "#0072B2", "#E69F00", "#D55E00"]

do for [pass = 1:2] {
    if (pass == 1) {
        set terminal svg size 1400,800 dynamic font "sans-serif,14" \
            background rgb "white"
        set output folder . "/meshsim.svg"
        small = ",12"; normal = ",14"; large = ",20"
    } else {
        set terminal pngcairo size 1400,800 font "Sans,11" \
            background rgb "white"
        set output folder . "/meshsim.png"
        small = ",9"; normal = ",11"; large = ",16"
    }
    set multiplot
    set label 1 sprintf("HyParView and Plumtree, %d simulated nodes", nodes) \
        at screen left_of(1), 0.95 left textcolor rgb ink font large
    set label 2 "seed " . seed at screen right_of(3), 0.95 right \
        textcolor rgb quiet font normal
    do for [p = 1:6] {
        set lmargin at screen left_of(p)
        set rmargin at screen right_of(p)
        set tmargin at screen top_of(p)
        set bmargin at screen bottom_of(p)
        unset logscale
        unset offsets
        set key at graph 0.03, graph 0.22 left top Left reverse \
            textcolor rgb ink samplen 1.5 font small
        set xlabel "nodes that fail at once, %" textcolor rgb ink
        set xrange [-3:100]
        set xtics 10
        set yrange [0:*]
        set ytics auto
        set format y "%g"
        set label 3 "" at screen left_of(p), top_of(p) + 0.035 left \
            textcolor rgb ink font normal
        if (p == 1 && has(2)) {
            set label 3 sprintf("Survivors that get a message: the first %d, %%", \
                messages)
            set yrange [0:105]
            plot file("failures") using 1:4 with lines linewidth 6 \
                    linecolor rgb "#D8D8D8" title "HyParView paper, about", \
                file("failures") using 1:2 with linespoints linewidth 2 \
                    pointtype 7 pointsize 0.8 linecolor rgb noticed \
                    title "a lost connection is noticed", \
                file("failures") using 1:3 with linespoints linewidth 2 \
                    pointtype 5 pointsize 0.8 linecolor rgb sent \
                    title "only a failed send is"
        }
        if (p == 2 && has(4)) {
            set label 3 "Survivors that get a message, by cycle, %"
            set xlabel "cycles since the failure (only failed sends noticed)"
            set xrange [0.5:limit + 0.5]
            set xtics auto
            set yrange [0:105]
            set key at graph 0.97, graph 0.3 right top Left reverse
            plot for [i = 1:4] file("healing") \
                using 1:(column(shown_column[i])) with linespoints \
                linewidth 2 pointtype 7 pointsize 0.6 \
                linecolor rgb shown_colour[i] \
                title sprintf("%d %% fail", shown_percent[i])
        }
        if (p == 3 && has(4)) {
            set label 3 "Cycles of shuffles until all get all messages again"
            stats file("healed") using ($2 > $3 ? $2 : $3) nooutput
            highest = STATS_max + 2
            set yrange [0:highest]
            set ytics 1
            set key at graph 0.03, graph 0.97 left top
            plot file("healed") using 1:($2 > 0 ? $2 : NaN) with linespoints \
                    linewidth 2 pointtype 7 pointsize 0.8 \
                    linecolor rgb noticed \
                    title "a lost connection is noticed", \
                file("healed") using 1:($3 > 0 ? $3 : NaN) with linespoints \
                    linewidth 2 pointtype 5 pointsize 0.8 \
                    linecolor rgb sent title "only a failed send is", \
                file("healed") using 1:($2 == 0 || $3 == 0 ? highest - 0.15 \
                    : NaN) with points pointtype 2 pointsize 1 linewidth 2 \
                    linecolor rgb ink title sprintf("not in %d", limit)
        }
        if (p == 4) {
            set label 3 "Nodes that are in so many active views"
            set xlabel "in-degree" textcolor rgb ink
            set xrange [-0.6:full + 2.6]
            set xtics 1
            set logscale y
            set yrange [0.5:4 * nodes]
            plot file("in-degrees") using 1:2 with boxes \
                    linecolor rgb noticed notitle, \
                file("in-degrees") using 1:($2 > 0 ? $2 : NaN):2 with labels \
                    offset 0, 0.7 textcolor rgb ink font small notitle
        }
        if (p == 5 && has(8)) {
            set label 3 "Redundant payloads for each receiver (RMR)"
            set yrange [-0.15:3.5]
            set key at graph 0.03, graph 0.62 left top
            plot file("trees") using 1:2 with linespoints linewidth 2 \
                    pointtype 5 pointsize 0.8 linecolor rgb sent \
                    title "flood", \
                file("trees") using 1:3 with linespoints linewidth 2 \
                    pointtype 7 pointsize 0.8 linecolor rgb noticed \
                    title "Plumtree, right after", \
                file("trees") using 1:4 with linespoints linewidth 2 \
                    pointtype 6 pointsize 1.4 linecolor rgb healed \
                    title "Plumtree, two cycles later"
        }
        if (p == 6 && has(8)) {
            set label 3 "Links to the last delivery (LDH)"
            set key at graph 0.03, graph 0.97 left top
            set offsets graph 0, graph 0, graph 0.35, graph 0
            plot file("trees") using 1:5 with linespoints linewidth 2 \
                    pointtype 5 pointsize 0.8 linecolor rgb sent \
                    title "flood", \
                file("trees") using 1:6 with linespoints linewidth 2 \
                    pointtype 7 pointsize 0.8 linecolor rgb noticed \
                    title "Plumtree, right after", \
                file("trees") using 1:7 with linespoints linewidth 2 \
                    pointtype 6 pointsize 1.4 linecolor rgb healed \
                    title "Plumtree, two cycles later"
        }
        unset label
    }
    unset multiplot
    unset output
}
