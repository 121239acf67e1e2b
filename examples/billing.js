/*
 * A service that dies: an invoice in a currency without a rate.  Like many
 * services it ends itself when nobody catches an error, and leaves a core where
 * cores are allowed (`ulimit -c unlimited`).  Node 16 or later.
 */
'use strict';

const rates = new Map([['EUR', 1], ['NOK', 11.4]]);

class Invoice {
  constructor(id, currency, lines) {
    this.id = id;
    this.currency = currency;
    this.lines = lines;
  }

  total() {
    return this.lines.reduce((sum, line) => sum + line.price * rateOf(this.currency), 0);
  }
}

function rateOf(currency) {
  const rate = rates.get(currency);
  if (rate === undefined)
    throw new RangeError('no rate for ' + currency, { cause: { known: [...rates.keys()] } });
  return rate;
}

function bill(queue) {
  for (const invoice of queue) console.log(invoice.id, invoice.total());
}

process.on('uncaughtException', function giveUp(error) {
  process.abort();
});

setTimeout(bill, 10, [
  new Invoice(7001, 'EUR', [{ item: 'blue mug', price: 9 }]),
  new Invoice(7002, 'SEK', [{ item: 'red mug', price: 8 }]),
]);
