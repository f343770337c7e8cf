/* Records that are alike for all tests of tables. */
#ifndef TRADES_H
#define TRADES_H

#include <fastpar.h>
#include <stdint.h>
#include <string.h>

/* Several chunks of rows. */
enum { COUNT = 200003, MASK = (COUNT + 7) / 8 };

typedef struct trade {
  int64_t time; /* milliseconds */
  double price;
  char symbol[6];
  uint32_t quantity;
  uint16_t venue;
} trade;

static trade trades[COUNT];

static const char *const symbols[3] = {"ABC", "ABCDEF", "XYZ"};

static inline void make_trades(void)
{
  uint32_t state = 1;
  memset(trades, 0, sizeof trades);
  for (uint32_t i = 0; i < COUNT; i++) {
    const char *symbol;
    state = state * 1664525 + 1013904223;
    symbol = symbols[(state >> 16) % 3];
    trades[i].time = (int64_t)i * 10 - 500000;
    trades[i].price = 100.0 + (double)(state >> 8 & 1023) / 64.0;
    memcpy(trades[i].symbol, symbol, strlen(symbol));
    trades[i].quantity = state >> 12;
    trades[i].venue = (uint16_t)(state & 7);
  }
}

enum { TIME, PRICE, SYMBOL, QUANTITY, COLUMNS };

static const fastpar_column columns[COLUMNS] = {
  {&trades[0].time, COUNT, sizeof(trade), FASTPAR_I64, 0},
  {&trades[0].price, COUNT, sizeof(trade), FASTPAR_F64, 0},
  {trades[0].symbol, COUNT, sizeof(trade), FASTPAR_BYTES, 6 << 8},
  {&trades[0].quantity, COUNT, sizeof(trade), FASTPAR_U32, 0},
};

/* Their times in minutes, which are all there. */
enum { MINUTE = 60000, FIRST_MINUTE = -9, MINUTES = 48 };

#endif
