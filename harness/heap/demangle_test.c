#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "churn/rng.h"
#include "heap/demangle.h"

static void a_name_is_what_tells_functions_apart(void **state)
{
    static const struct {
        const char *full, *name;
    } names[] = {
        {"Registry::add(int)", "Registry::add"},
        {"main", "main"},
        {"std::vector<int, std::allocator<int> >::_M_default_append(unsigned "
         "long)",
         "std::vector::_M_default_append"},
        {"void spdlog::log<int>(char const*, int) const", "spdlog::log"},
        {"std::map<int, long (*)(int)>::operator[](int const&)",
         "std::map::operator[]"},
        {"Less::operator()(int, int) const", "Less::operator()"},
        {"Less::operator<(Less const&) const", "Less::operator<"},
        {"std::string std::operator+<char>(char const*)", "std::operator+"},
        {"bool std::operator< <int>(int, int)", "std::operator<"},
        {"void (*handler(int))(char)", "void (*handler(int))(char)"},
        {"operator new(unsigned long)", "operator new"},
        {"(anonymous namespace)::Pool::take()",
         "(anonymous namespace)::Pool::take"},
        {"Registry::add(int)::{lambda()#1}::operator()() const",
         "Registry::add"},
        {"tokio::runtime::task::spawn::h0123456789abcdef",
         "tokio::runtime::task::spawn"},
        {"<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop::"
         "h0123456789abcdef",
         "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop"},
        {"decltype (f(1)) wrapped<int>(int)", "wrapped"},
        {"unclosed<<<", "unclosed"},
        {"", ""},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        demangle_shorten(names[i].full, text, sizeof text);
        assert_string_equal(text, names[i].name);
    }
}

static void a_long_name_is_cut(void **state)
{
    char text[8];
    (void)state;
    demangle_shorten("std::chrono::now()", text, sizeof text);
    assert_string_equal(text, "std::ch");
}

static void any_text_is_survived(void **state)
{
    static const char letters[] = "<>(){}[]~,: *-&=+operat";
    struct rng rng;
    (void)state;
    rng_init(&rng, 20260414, 0);
    for (int i = 0; i < 50000; i++) {
        char full[40], text[24];
        uint32_t length = rng_below(&rng, sizeof full);
        for (uint32_t k = 0; k < length; k++) {
            full[k] = letters[rng_below(&rng, sizeof letters - 1)];
        }
        full[length] = '\0';
        memset(text, 'x', sizeof text);
        demangle_shorten(full, text, sizeof text);
        assert_non_null(memchr(text, '\0', sizeof text));
    }
}

static void what_the_linker_knows_is_read(void **state)
{
    char text[128] = "as it was";
    (void)state;
    assert_false(demangle_name("main", text, sizeof text));
    assert_false(demangle_name("_Zwrong", text, sizeof text));
    assert_string_equal(text, "as it was");
    if (!demangle_name("_ZN8Registry3addEi", text, sizeof text)) {
        print_message("# skipped: no libstdc++ here\n");
        return;
    }
    assert_string_equal(text, "Registry::add");
    assert_true(demangle_name("_ZN68_$LT$a..Registry$LT$alloc..string..String"
                              "$GT$$u20$as$u20$a..Keep$GT$4keep17h0123456789ab"
                              "cdefE",
                              text, sizeof text));
    assert_string_equal(text, "<a::Registry<alloc::string::String> as a::Keep>"
                              "::keep");
    assert_true(demangle_name("_ZN5alloc5boxed12Box$LT$T$GT$3new17h01234567"
                              "89abcdefE",
                              text, sizeof text));
    assert_string_equal(text, "alloc::boxed::Box::new");
}

static void what_older_rust_escaped_is_undone(void **state)
{
    static const struct {
        const char *coded, *plain;
    } names[] = {
        {"_$LT$$RF$mut$u20$T$GT$::f", "<&mut T>::f"},
        {"a::_$u7b$$u7b$closure$u7d$$u7d$", "a::_{{closure}}"},
        {"$LP$A$C$B$RP$..c", "(A,B)::c"},
        {"$u1$$u$$x$u00$$", "$u1$$u$$x$u00$$"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[64];
        (void)strcpy(text, names[i].coded);
        demangle_decode(text);
        assert_string_equal(text, names[i].plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_what_tells_functions_apart),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(any_text_is_survived),
        cmocka_unit_test(what_the_linker_knows_is_read),
        cmocka_unit_test(what_older_rust_escaped_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
