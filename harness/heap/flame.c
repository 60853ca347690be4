#include "heap/flame.h"

#include "heap/markup.h"
#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AMOUNT_SIZE = 40, STEPS = 5 /* of colour, each way */ };

struct node {
    uint32_t function; /* word */
    uint32_t parent;
    uint32_t first_child_plus_1, next_sibling_plus_1;
    double width;      /* bytes: the larger side of each site */
    double amounts[2]; /* bytes */
};

struct tree {
    const struct compare *compare;
    struct node *nodes; /* 0: the whole */
    size_t count, room;
    struct idmap children; /* by parent and function */
    FILE *stream;
};

/* --- building ------------------------------------------------------------- */

static int add_node(struct tree *tree, uint32_t parent, uint32_t function,
                    uint32_t *ret_node)
{
    if (tree->count == tree->room) {
        size_t room = tree->room > 0 ? tree->room * 2 : 256;
        struct node *nodes = realloc(tree->nodes, room * sizeof *nodes);
        if (nodes == NULL) {
            return -ENOMEM;
        }
        tree->nodes = nodes;
        tree->room = room;
    }
    uint32_t node = (uint32_t)tree->count++;
    tree->nodes[node] = (struct node){.function = function, .parent = parent};
    if (node > 0) {
        tree->nodes[node].next_sibling_plus_1 =
            tree->nodes[parent].first_child_plus_1;
        tree->nodes[parent].first_child_plus_1 = node + 1;
    }
    *ret_node = node;
    return 0;
}

static int find_child(struct tree *tree, uint32_t parent, uint32_t function,
                      uint32_t *ret_node)
{
    uint32_t hash = idmap_hash(idmap_hash(IDMAP_SEED, parent), function);
    for (struct idmap_walk walk = idmap_find(&tree->children, hash);
         idmap_next(&tree->children, &walk);) {
        const struct node *known = &tree->nodes[walk.id];
        if (known->function == function && known->parent == parent) {
            *ret_node = walk.id;
            return 0;
        }
    }
    int r = add_node(tree, parent, function, ret_node);
    return r < 0 ? r : idmap_add(&tree->children, hash, *ret_node);
}

static void add_amounts(struct node *node, const struct compare_site *site)
{
    node->width += fmax(site->amounts[0].bytes, site->amounts[1].bytes);
    node->amounts[0] += site->amounts[0].bytes;
    node->amounts[1] += site->amounts[1].bytes;
}

static int build(struct tree *tree)
{
    const struct compare *compare = tree->compare;
    uint32_t node = 0;
    int r = add_node(tree, 0, 0, &node);
    for (size_t i = 0; r == 0 && i < compare->sites_count; i++) {
        const struct compare_site *site = &compare->sites[i];
        node = 0;
        add_amounts(&tree->nodes[0], site);
        for (uint32_t k = 0;
             r == 0 && k < site->lines_count && k < FLAME_DEPTH_MAX; k++) {
            uint64_t line = site->lines_first + site->lines_count - 1 - k;
            r = find_child(tree, node, compare->lines[line].function, &node);
            if (r == 0) {
                add_amounts(&tree->nodes[node], site);
            }
        }
    }
    return r;
}

/* --- drawing -------------------------------------------------------------- */

/* From -STEPS, all of it gone, to STEPS, all of it new. */
static int step_of(const struct node *node)
{
    double change = node->amounts[1] - node->amounts[0];
    double most = fmax(node->amounts[0], node->amounts[1]);
    return most > 0 ? (int)lround(STEPS * change / most) : 0;
}

static void draw_frame(const struct tree *tree, const struct node *node,
                       double from, int depth)
{
    char texts[3][AMOUNT_SIZE];
    char class[16] = "fone";
    const struct compare *compare = tree->compare;
    double whole = tree->nodes[0].width;
    const char *name =
        depth == 0 ? "all" : words_text(compare->words, node->function);
    const char *after =
        terminal_amount(node->amounts[1], "B", false, texts[1], AMOUNT_SIZE);
    if (compare->has_before) {
        (void)snprintf(class, sizeof class, "f%d", step_of(node));
    }
    (void)fprintf(tree->stream,
                  "<svg x=\"%.3f%%\" y=\"%d\" width=\"%.3f%%\" height=\"%d\">"
                  "<title>",
                  100 * from / whole, depth * FLAME_ROW_PX,
                  100 * node->width / whole, FLAME_ROW_PX - 1);
    markup_text(name, tree->stream);
    if (compare->has_before) {
        (void)fprintf(tree->stream, ": %s -&gt; %s (%s)",
                      terminal_amount(node->amounts[0], "B", false, texts[0],
                                      AMOUNT_SIZE),
                      after,
                      terminal_amount(node->amounts[1] - node->amounts[0], "B",
                                      true, texts[2], AMOUNT_SIZE));
    } else {
        (void)fprintf(tree->stream, ": %s", after);
    }
    (void)fprintf(tree->stream,
                  "</title><rect class=\"%s\" width=\"100%%\" "
                  "height=\"100%%\"/>",
                  class);
    /* A sliver has no room for a name. */
    if (node->width / whole > 0.012) {
        (void)fputs("<text x=\"4\" y=\"13\">", tree->stream);
        markup_text(name, tree->stream);
        (void)fputs("</text>", tree->stream);
    }
    (void)fputs("</svg>\n", tree->stream);
}

static int by_width(const void *a, const void *b, void *context)
{
    const struct tree *tree = context;
    double left = tree->nodes[*(const uint32_t *)a].width;
    double right = tree->nodes[*(const uint32_t *)b].width;
    return (left < right) - (left > right);
}

/* The children of |node| that are wide enough, widest first; the caller frees
 * *ret_children. 0 or -ENOMEM. */
static int list_children(const struct tree *tree, uint32_t node,
                         uint32_t **ret_children, size_t *ret_count)
{
    size_t count = 0;
    double least = FLAME_SHARE_MIN * tree->nodes[0].width;
    uint32_t *children = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            children = calloc(count + 1, sizeof *children);
            if (children == NULL) {
                return -ENOMEM;
            }
            count = 0;
        }
        for (uint32_t i = tree->nodes[node].first_child_plus_1; i != 0;
             i = tree->nodes[i - 1].next_sibling_plus_1) {
            if (tree->nodes[i - 1].width < least) {
                continue;
            }
            if (children != NULL) {
                children[count] = i - 1;
            }
            count++;
        }
    }
    qsort_r(children, count, sizeof *children, by_width, (void *)tree);
    *ret_children = children;
    *ret_count = count;
    return 0;
}

/* Draws |node| and what is in it, or (without a stream) only measures. As deep
 * as FLAME_DEPTH_MAX. */
static int draw(const struct tree *tree, uint32_t node, double from, int depth,
                bool is_measuring, int *deepest)
{
    uint32_t *children = NULL;
    size_t count = 0;
    *deepest = depth > *deepest ? depth : *deepest;
    if (!is_measuring) {
        draw_frame(tree, &tree->nodes[node], from, depth);
    }
    int r = list_children(tree, node, &children, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = draw(tree, children[i], from, depth + 1, is_measuring, deepest);
        from += tree->nodes[children[i]].width;
    }
    free(children);
    return r;
}

int flame_write(const struct compare *compare, FILE *stream)
{
    struct tree tree = {.compare = compare, .stream = stream};
    int deepest = 0;
    int r = build(&tree);
    if (r == 0 && !(tree.nodes[0].width > 0)) {
        r = FLAME_EMPTY;
    }
    if (r == 0) {
        r = draw(&tree, 0, 0, 0, true, &deepest);
    }
    if (r == 0) {
        (void)fprintf(stream,
                      "<svg class=\"flame\" xmlns=\"http://www.w3.org/2000/"
                      "svg\" width=\"100%%\" height=\"%d\" role=\"img\" "
                      "aria-label=\"flame graph\">\n",
                      (deepest + 1) * FLAME_ROW_PX);
        r = draw(&tree, 0, 0, 0, false, &deepest);
        (void)fputs("</svg>\n", stream);
    }
    idmap_deinit(&tree.children);
    free(tree.nodes);
    return r;
}
