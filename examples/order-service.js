/*
 * A service with a bug, for `make demo`: an order cannot be shipped, and the
 * retry loop gives up only when `attempt` passes `limit`, which it never does.
 * Runs on every Node from 0.10 on and spins until it is killed.
 */
'use strict';

function Order(id, customer, items) {
  this.id = id;
  this.customer = customer;
  this.items = items;
  this.status = 'paid';
}

function Warehouse(city) {
  this.city = city;
  this.stock = { 'blue mug': 0, 'red mug': 12 };
}

Warehouse.prototype.reserve = function (item, quantity) {
  return this.stock[item] >= quantity;
};

function RetryPolicy(limit) {
  this.limit = limit;
  this.waits = [1, 2, 4, 8];
}

RetryPolicy.prototype.run = function (label, action) {
  var attempt = 0;
  while (attempt < this.limit) {
    if (action(attempt)) return attempt;
    attempt = (attempt + 1) % this.waits.length; // meant for the index of `waits` alone
  }
  throw new Error('gave up: ' + label);
};

function OrderService(warehouse) {
  this.warehouse = warehouse;
  this.retry = new RetryPolicy(10);
}

OrderService.prototype.ship = function (order, priority) {
  var service = this;
  order.items.forEach(function reserveItem(line) {
    service.retry.run('reserve ' + line.item, function tryReserve() {
      return service.warehouse.reserve(line.item, line.quantity);
    });
  });
  order.status = 'shipped';
};

function handleRequest(path, body) {
  var service = new OrderService(new Warehouse('Bergen'));
  var order = new Order(body.id, body.customer, body.items);
  service.ship(order, 'express');
  return order;
}

console.log('order service, pid ' + process.pid + ': handling one order');
handleRequest('/orders/1042/ship', {
  id: 1042,
  customer: { name: 'Ada', since: new Date(1234567890000) },
  items: [{ item: 'red mug', quantity: 2 }, { item: 'blue mug', quantity: 1 }]
});
