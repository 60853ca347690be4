# What a heap holds, bucket by bucket: a bar, or a pair of bars (before and
# after), under each bucket's name; once for a wide page, once for a phone.
#
# harness/heap/page_plot.c says everything with -e: data (a file of lines
# "before after"), out (the beginning of the pictures' paths), rows, unit,
# has_before, and for row i: label_i, text_before_i, text_after_i. The page's
# style sheet knows the colours by these very numbers, and gives them others in
# the dark.
ink = "#333333"
quiet = "#8A8A8A"
before = "#B0ADA6"
after = "#0072B2"

told(name, i) = value(sprintf("%s_%d", name, i))

set encoding utf8
set border 0
unset key
unset ytics
set xtics textcolor rgb quiet nomirror scale 0
set grid xtics linecolor rgb quiet linewidth 0.3 dashtype 3
set style fill solid noborder
set xrange [0:*]
stats data using 1:2 nooutput
top = STATS_max_x > STATS_max_y ? STATS_max_x : STATS_max_y
top = top > 0 ? top : 1

do for [pass = 1:2] {
    is_wide = pass == 1
    wide = is_wide ? 900 : 380
    size = is_wide ? 15 : 14
    row = has_before ? 62 : 46
    set terminal svg size wide, 44 + row * rows dynamic \
        font sprintf("sans-serif,%d", size)
    set output out . (is_wide ? "-wide.svg" : "-narrow.svg")
    set lmargin at screen 0.002
    set rmargin at screen 0.985
    set tmargin at screen 0.995
    set bmargin at screen 40.0 / (44 + row * rows)
    # Room for the figure behind the longest bar.
    set xrange [0:top * (is_wide ? 1.16 : 1.42)]
    set yrange [rows + 0.5:0.5]
    set xtics autofreq
    set format x "%g " . unit
    if (!is_wide) { set xtics top / 2; set format x (strlen(unit) > 0 ? "%.2g " . unit : "%.0f") }
    set xtics add ("" 0)
    do for [i = 1:rows] {
        set label 10 + i told("label", i) at first 0, first i - 0.30 \
            left noenhanced textcolor rgb ink
    }
    if (has_before) {
        plot data using (0):($0 + 0.98):(0):1:($0 + 0.87):($0 + 1.11) \
                with boxxyerror linecolor rgb before, \
            data using (0):($0 + 1.26):(0):2:($0 + 1.15):($0 + 1.39) \
                with boxxyerror linecolor rgb after, \
            for [i = 1:rows] data every ::(i - 1)::(i - 1) \
                using 1:(i - 0.01):(told("text_before", i)) with labels left \
                offset 0.5, 0 textcolor rgb quiet, \
            for [i = 1:rows] data every ::(i - 1)::(i - 1) \
                using 2:(i + 0.27):(told("text_after", i)) with labels left \
                offset 0.5, 0 textcolor rgb ink
    } else {
        plot data using (0):($0 + 1.14):(0):2:($0 + 0.98):($0 + 1.30) \
                with boxxyerror linecolor rgb after, \
            for [i = 1:rows] data every ::(i - 1)::(i - 1) \
                using 2:(i + 0.14):(told("text_after", i)) with labels left \
                offset 0.5, 0 textcolor rgb ink
    }
    unset label
    unset output
}
