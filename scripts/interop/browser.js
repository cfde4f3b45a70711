'use strict';

// A real Chromium, the one that Debian has; scripts/test installs it.

const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { atEnd } = require('./ends');

const binaries = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

// browse starts a browser that ends with the test. As root it has no sandbox,
// and it visits nothing but what the test starts.
exports.browse = async function browse(t, ...args) {
  const executablePath = binaries.find((file) => fs.existsSync(file));
  if (!executablePath) {
    throw new Error(`no Chromium at any of ${binaries.join(', ')}: scripts/test installs it`);
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
  atEnd(t, () => browser.close());
  return browser;
};

// visit opens a page of the given size and theme. What goes wrong on it, by its
// console or by an exception, is gathered in page.faults.
exports.visit = async function visit(browser, url, { width = 1280, height = 800, theme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.faults.push(message.text()));
  await page.goto(url);
  return page;
};

// keep saves what page shows among the outputs of the tests.
exports.keep = async function keep(page, name) {
  const folder = path.join(__dirname, '..', 'output');
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
};
