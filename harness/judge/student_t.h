/* student_t.h - Student's t distribution.
 *
 * student_t_cdf() is exact to about 1e-12 for every nu >= 1;
 * student_t_table is the same to 1e-6 at a few nanoseconds a call, for
 * the many thousand calls that one mixture needs. Pure.
 *
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8
 * (incomplete beta function as a continued fraction) and 26.7.1.
 */
#ifndef PLATEAU_STUDENT_T_H
#define PLATEAU_STUDENT_T_H

enum { STUDENT_T_NODES = 256 };

struct student_t_table {
    double nu;
    double tail_power;                 /* of 1 - u, in the last interval */
    double f[STUDENT_T_NODES + 1];     /* distribution at u = i / nodes */
    double slope[STUDENT_T_NODES + 1]; /* df/du, an interval's width each */
};

/* P(T <= t) for |nu| >= 1 degrees of freedom; |t| may be infinite. */
double student_t_cdf(double t, double nu);

/* The t with P(T <= t) = p, 0 < p < 1. */
double student_t_quantile(double p, double nu);

/* Prepares a table for |nu| of at least 2 and at most some hundreds. */
void student_t_table_init(struct student_t_table *table, double nu);

/* P(T <= t) by the table. */
double student_t_table_cdf(const struct student_t_table *table, double t);

#endif
