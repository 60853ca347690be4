/* Names as rustc 1.95 made them, and what nobody made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "churn/rng.h"
#include "heap/rust_name.h"

static const struct {
    const char *mangled, *name;
} names[] = {
    {"_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc", "__rustc::__rust_alloc"},
    {"_RINvCs6xxl1lAjzDf_1a7genericKj3_NCNvB2_4mains_0EB2_", "a::generic"},
    {"_RNvMs4_NtCsgY6Mt91CT9J_14rustc_demangle2v0NtB5_7Printer30print_path_"
     "maybe_open_generics",
     "rustc_demangle::v0::Printer::print_path_maybe_open_generics"},
    {"_RINvMNtCsgEmfK2I1SDS_4core3stre18trim_start_matchesReECsgY6Mt91CT9J_"
     "14rustc_demangle",
     "<str>::trim_start_matches"},
    {"_RNCNvXs_NtCs6xxl1lAjzDf_1a5storeINtB6_8RegistryNtNtCslNYArtu3iFV_"
     "5alloc6string6StringENtB6_4Keep4keep0B8_",
     "<a::store::Registry as a::store::Keep>::keep::{closure#0}"},
    {"_RNSNvYNCNvXs_NtCs6xxl1lAjzDf_1a5storeINtBb_8RegistryNtNtCslNYArtu3iFV_"
     "5alloc6string6StringENtBb_4Keep4keep0INtNtNtCsgEmfK2I1SDS_4core3ops8"
     "function6FnOnceTyEE9call_once6vtableBd_",
     "<<a::store::Registry as a::store::Keep>::keep::{closure#0} as "
     "core::ops::function::FnOnce>::call_once::{shim:vtable#0}"},
    {"_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtCs6xxl1lAjzDf_1a5store8"
     "RegistryNtNtCslNYArtu3iFV_5alloc6string6StringEEBL_",
     "core::ptr::drop_in_place"},
    {"_RNvNtCs1_1a1b1c.llvm.123456", "a::b::c"},
    /* By hand: an array, a slice, a tuple, dyn, fn, of a trait. */
    {"_RNvXs0_NtC1a5storeAhj3_NtB5_4Keep4keep",
     "<[u8; 0x3] as a::store::Keep>::keep"},
    {"_RNvXC1aSReNtB2_1T1f", "<[&str] as a::T>::f"},
    {"_RNvXC1aTmQbOxEDNtB2_1UNtB2_1WEL_1f", ""},
    {"_RNvYTmQbOxENtC1a1T1f", "<(u32, &mut bool, *mut i64) as a::T>::f"},
    {"_RNvYDNtC1a1Up4ItemmNtB5_1WEL_NtB5_1T1f", "<dyn a::U + a::W as a::T>::f"},
    {"_RNvYFUKCmEuNtC1a1T1f", "<fn as a::T>::f"},
    {"main", ""},
    {"_R", ""},
    {"_R1NvC1a1b", ""},
    {"_ZN8Registry3addEi", ""},
    {"_RNvC1a9short", ""},
    {"_RB_", ""},
    {"_RNvB0_1a", ""},
};

static void names_are_as_people_write_them(void **state)
{
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)strcpy(text, "");
        assert_int_equal(rust_name(names[i].mangled, text, sizeof text),
                         names[i].name[0] != '\0');
        assert_string_equal(text, names[i].name);
    }
}

static void a_name_is_cut_to_its_room(void **state)
{
    char text[8];
    (void)state;
    assert_true(rust_name(names[0].mangled, text, sizeof text));
    assert_string_equal(text, "__rustc");
}

/* |number| as a reference to it is written. */
static char *refer(char *to, size_t number)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    *to++ = 'B';
    if (number > 62) {
        *to++ = digits[(number - 1) / 62];
    }
    if (number > 0) {
        *to++ = digits[(number - 1) % 62];
    }
    *to++ = '_';
    return to;
}

/* A tuple of tuples, each of two of the one before: 3 of them are 8 numbers. */
static bool doubles(size_t times, char text[256])
{
    char mangled[1024] = "_RNvYTTmmE";
    char *to = mangled + strlen(mangled);
    size_t before = 4;
    for (size_t i = 1; i < times; i++) {
        size_t here = (size_t)(to - mangled) - 2;
        *to++ = 'T';
        to = refer(refer(to, before), before);
        *to++ = 'E';
        before = here;
    }
    (void)strcpy(to, "ENtC1a1T1f");
    return rust_name(mangled, text, 256);
}

static void what_grows_without_end_is_refused(void **state)
{
    char mangled[4096] = "_RNvY";
    char text[256];
    (void)state;
    memset(mangled + 5, 'S', 3000);
    (void)strcpy(mangled + 3005, "hNtC1a1T1f");
    assert_false(rust_name(mangled, text, sizeof text));
    assert_true(doubles(2, text));
    assert_string_equal(text, "<((u32, u32), ((u32, u32), (u32, u32))) as "
                              "a::T>::f");
    assert_false(doubles(40, text));
}

static void any_text_is_survived(void **state)
{
    struct rng rng;
    (void)state;
    rng_init(&rng, 20260415, 0);
    for (int i = 0; i < 100000; i++) {
        char mangled[256], text[24];
        const char *seed =
            names[rng_below(&rng, sizeof names / sizeof names[0])].mangled;
        size_t length = strlen(seed);
        (void)strcpy(mangled, seed);
        for (uint32_t k = 0; length > 2 && k <= rng_below(&rng, 4); k++) {
            static const char letters[] = "CMXYNIBEKLTRQPOFDASGsu0159_azt";
            mangled[2 + rng_below(&rng, (uint32_t)(length - 2))] =
                letters[rng_below(&rng, sizeof letters - 1)];
        }
        memset(text, 'x', sizeof text);
        if (rust_name(mangled, text, sizeof text)) {
            assert_non_null(memchr(text, '\0', sizeof text));
        } else {
            assert_int_equal(text[0], 'x');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_people_write_them),
        cmocka_unit_test(a_name_is_cut_to_its_room),
        cmocka_unit_test(what_grows_without_end_is_refused),
        cmocka_unit_test(any_text_is_survived),
    };
    print_message("# seed 20260415\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
