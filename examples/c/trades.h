/*
 * Trades and their one-minute bars, for the programs trades.c and trades_mpi.c: the rows, and how pieces of
 * an archive become bars.
 */
#ifndef TRADES_H
#define TRADES_H

#include "fastpar.h"

/* The shape of the rows: those of examples/python/trades.py. */
typedef struct {
    uint64_t id, price, quantity;
    uint32_t count;
    uint16_t flags, padding;
    int64_t microseconds;
    uint64_t reserved;
} trade;

enum { MINUTES = 24 * 60, MINUTE = 60 * 1000 * 1000 };

typedef struct {
    uint64_t open, high, low, close, volume;
} bar;

typedef struct {
    bar bars[MINUTES];
} day;

/* Adds what came later. */
static void add_bar(bar *a, const bar *b)
{
    if (a->volume == 0) {
        *a = *b;
    } else if (b->volume > 0) {
        a->high = b->high > a->high ? b->high : a->high;
        a->low = b->low < a->low ? b->low : a->low;
        a->close = b->close;
        a->volume += b->volume;
    }
}

static void add_row(day *into, const trade *row)
{
    bar *at = &into->bars[row->microseconds / MINUTE % MINUTES];
    if (at->volume == 0)
        at->open = at->high = at->low = row->price;
    if (row->price > at->high)
        at->high = row->price;
    if (row->price < at->low)
        at->low = row->price;
    at->close = row->price;
    at->volume += row->quantity;
}

/* ---- by the library ---- */

static int32_t fold(void *user_data, const fastpar_piece *piece, void *accumulator)
{
    (void)user_data;
    const trade *rows = piece->data;
    for (size_t i = 0; i < piece->size / sizeof *rows; i++)
        add_row(accumulator, &rows[i]);
    return 0;
}

static int32_t combine(void *user_data, void *into, const void *from)
{
    (void)user_data;
    day *all = into;
    const day *part = from;
    for (int minute = 0; minute < MINUTES; minute++)
        add_bar(&all->bars[minute], &part->bars[minute]);
    return 0;
}

#endif
