'use strict';
// A WebSocket server as people write it with the package `websocket`, in the manner of the article's Listing 4: every
// path is accepted, only /CLRunner answers. CL commands are not run; /echo returns each message, for tests.
// HOST is the address to listen on. The port, chosen by the system, is the first line of standard output.
const http = require('http');
const { server: WebSocketServer } = require('websocket');

const listener = http.createServer((request, response) => {
  response.writeHead(404, { 'Content-Type': 'text/plain' });
  response.end('404 Not Found');
});

const sockets = new WebSocketServer({ httpServer: listener, autoAcceptConnections: false });

sockets.on('request', (request) => {
  const path = request.resourceURL.pathname;
  const echo = /^\/echo\/?$/.test(path);
  const offered = echo && request.requestedProtocols.includes('wsconsole') ? 'wsconsole' : null;
  const connection = request.accept(offered, request.origin);
  const address = connection.socket.localAddress;
  if (!echo) {
    connection.sendUTF(`[From Server] Connected to ${address}`);
  }
  connection.on('message', (message) => {
    if (echo) {
      if (message.type === 'utf8') {
        connection.sendUTF(message.utf8Data);
      } else {
        connection.sendBytes(message.binaryData);
      }
    } else if (/^\/CLRunner\/?$/.test(path) && message.type === 'utf8') {
      connection.sendUTF(`[From Server] ${address}\nran ${message.utf8Data}`);
    }
  });
});

listener.listen(0, process.env.HOST, () => console.log(listener.address().port));
