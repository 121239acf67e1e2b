'use strict';
/*
 * A headless Chromium, driven over its DevTools protocol: pages are opened, evaluated,
 * clicked and typed into; script errors, console errors and dialogs are collected.
 */
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

function find() {
  if (process.env.CHROMIUM)
    return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'])
    if (spawnSync('sh', ['-c', `command -v ${name}`]).status === 0)
      return name;
  return null;
}

class Page {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    this.errors = [];
    this.dialogs = 0;
  }

  send(method, params = {}) { return this.browser.send(method, params, this.session); }

  take(method, params) {
    if (method === 'Runtime.exceptionThrown')
      this.errors.push(params.exceptionDetails.exception?.description || params.exceptionDetails.text);
    if (method === 'Log.entryAdded' && params.entry.level === 'error')
      this.errors.push(params.entry.text);
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error')
      this.errors.push(params.args.map((a) => a.value ?? a.description).join(' '));
    if (method === 'Page.javascriptDialogOpening') {
      this.dialogs++;
      this.send('Page.handleJavaScriptDialog', { accept: false });
    }
    if (method === 'Page.loadEventFired' && this.loaded)
      this.loaded();
  }

  async open(url, runsScripts = true) {
    const loaded = new Promise((done) => { this.loaded = done; });
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText)
      throw new Error(`${url}: ${errorText}`);
    await loaded;
    if (runsScripts)
      await this.settle();
  }

  /* Two frames: what was asked for is drawn. */
  settle() { return this.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))'); }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate',
      { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails)
      throw new Error(`${expression}: ${exceptionDetails.exception?.description || exceptionDetails.text}`);
    return result.value;
  }

  async click(x, y) {
    await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
    await this.send('Input.dispatchMouseEvent', { type: 'mousePressed', x, y, button: 'left', clickCount: 1 });
    await this.send('Input.dispatchMouseEvent', { type: 'mouseReleased', x, y, button: 'left', clickCount: 1 });
    await this.settle();
  }

  async key(key, modifiers = 0) {
    const codes = { Enter: 13, Escape: 27, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, Home: 36 };
    const common = { key, modifiers, windowsVirtualKeyCode: codes[key] || key.toUpperCase().charCodeAt(0) };
    const text = key.length === 1 && !modifiers ? { text: key } : {};
    await this.send('Input.dispatchKeyEvent', { type: text.text ? 'keyDown' : 'rawKeyDown', ...common, ...text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...common });
    await this.settle();
  }

  async type(text) {
    await this.send('Input.insertText', { text });
    await this.settle();
  }

  async picture(file) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }
}

class Browser {
  static async start() {
    const browser = new Browser();
    browser.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nopsy-browser-'));
    browser.process = spawn(find(), ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--hide-scrollbars',
      '--disable-background-networking', '--disable-component-update', '--remote-debugging-port=0',
      `--user-data-dir=${browser.folder}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise((done, failed) => {
      let text = '';
      browser.process.stderr.on('data', (chunk) => {
        text += chunk;
        const listening = /DevTools listening on (ws:\S+)/.exec(text);
        if (listening)
          done(listening[1]);
      });
      browser.process.on('exit', (status) => failed(new Error(`chromium ended with ${status}: ${text}`)));
    });
    browser.waiting = new Map();
    browser.pages = new Map();
    browser.last = 0;
    browser.socket = new WebSocket(url);
    await new Promise((done, failed) => {
      browser.socket.onopen = done;
      browser.socket.onerror = failed;
    });
    browser.socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.id) {
        const [done, failed] = browser.waiting.get(message.id);
        browser.waiting.delete(message.id);
        if (message.error)
          failed(new Error(JSON.stringify(message.error)));
        else
          done(message.result);
      } else if (browser.pages.has(message.sessionId)) {
        browser.pages.get(message.sessionId).take(message.method, message.params);
      }
    };
    return browser;
  }

  send(method, params, sessionId) {
    const id = ++this.last;
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((done, failed) => this.waiting.set(id, [done, failed]));
  }

  async page(width = 1220, height = 800) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.pages.set(sessionId, page);
    for (const domain of ['Page', 'Runtime', 'Log'])
      await page.send(`${domain}.enable`);
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    return page;
  }

  async stop() {
    this.process.removeAllListeners('exit');
    const ended = new Promise((done) => this.process.on('exit', done));
    this.socket.close();
    this.process.kill('SIGKILL');
    await ended;
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

module.exports = { Browser, find };
