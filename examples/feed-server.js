/*
 * A server that waits: a request runs a command and stands still until the
 * command ends, which takes ten minutes.  Its workers have nothing to do.
 * Node 12 or later.
 */
'use strict';

const { execSync } = require('child_process');
const http = require('http');
const { Worker } = require('worker_threads');

function importFeed(supplier) {
  console.log('pid ' + process.pid + ': importing from ' + supplier.name);
  return execSync(supplier.command, { encoding: 'utf8' });
}

const server = http.createServer(function onRequest(request, response) {
  response.end(importFeed({ name: 'acme', command: 'sleep 600' }));
});

for (let i = 0; i < 2; i++) new Worker('setInterval(function poll() {}, 60000)', { eval: true });

server.listen(0, '127.0.0.1', function onListening() {
  http.get({ port: server.address().port, path: '/feed' });
});
