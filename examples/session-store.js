// A service that leaks: see "It leaks" in the README.
//
//   node examples/session-store.js
//
// Sessions are cached under a name that nobody reads.
'use strict';

function Session(user) {
  this.user = user;
  this.since = Date.now();
  this.basket = [{ item: 'mug', quantity: user % 3 }];
  this.token = 'token-' + user + '-' + Math.random().toString(36).slice(2);
}

function SessionStore() {
  this.cache = {};
  this.cahce = {};
}

SessionStore.prototype.lookup = function (user) {
  const known = this.cache[user];
  if (known) return known;
  const session = new Session(user);
  this.cahce[user] = session;
  return session;
};

const store = new SessionStore();
let requests = 0;

function onRequest() {
  for (let i = 0; i < 1000; i++) store.lookup(requests++ % 60000);
}

for (let i = 0; i < 60; i++) onRequest();
setInterval(onRequest, 1000);
console.log('session store, pid ' + process.pid);
