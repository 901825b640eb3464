// helper.mjs: what the browser tests share: a served demonstration, Chromium, and the questions asked of every page.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1280, height: 800 };
export const NARROW = { width: 320, height: 700 };

/// Serves the demonstration on a free port of loopback. Resolves to { world, stop, log }: `world` is the one line of
/// JSON that `attune demo --json` prints when it listens.
export async function serveDemo(...more) {
  const scratch = mkdtempSync(join(tmpdir(), 'attune-browser-'));
  const program = process.env.ATTUNE_PROGRAM ?? join(root, 'build', 'attune');
  const child = spawn(program, ['demo', '--frozen', '--json', '--home', join(scratch, 'homes'), '--listen', '127.0.0.1:0', ...more],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  child.stderr.on('data', (bytes) => log.push(bytes.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
    rmSync(scratch, { recursive: true, force: true });
  };
  const line = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
    ended.then(() => null),
    new Promise((resolve) => setTimeout(resolve, 120_000, undefined).unref()),
  ]);
  if (!line) {
    await stop();
    throw new Error(`attune demo ${line === null ? 'ended' : 'said nothing in 120 s'}:\n${log.join('').slice(-2000)}`);
  }
  return { world: JSON.parse(line), stop, log: () => log.join('') };
}

/// The study of that name in the world; its keys are name, home, sign_in, forms.
export function study(world, name) {
  const found = world.studies.find((s) => s.name === name);
  if (!found) throw new Error(`no study ${name}; there are ${world.studies.map((s) => s.name).join(', ')}`);
  return found;
}

export const CHROMIUM = {
  executablePath: process.env.ATTUNE_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
};

/// The browser that ./test has started, or one of our own.
export async function launch() {
  return process.env.ATTUNE_BROWSER ? chromium.connect(process.env.ATTUNE_BROWSER) : chromium.launch(CHROMIUM);
}

/// A person with a browser of their own: a context, one page, and every complaint that the page made
/// (console errors, violations of the content security policy, exceptions, requests that leave loopback).
export async function person(browser, { viewport = DESK, language = 'en', javaScript = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport, locale: language, javaScriptEnabled: javaScript, reducedMotion: 'reduce', ...more,
  });
  context.setDefaultTimeout(15_000);
  const complaints = [];
  if (javaScript) {
    await context.addInitScript(axeSource);
    await context.addInitScript(() => document.addEventListener('securitypolicyviolation',
      (event) => console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`)));
  }
  const page = await context.newPage();
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.hostname !== '127.0.0.1') complaints.push(`asked ${url.hostname}`);
  });
  return { context, page, complaints, close: () => context.close() };
}

/// What axe-core finds against WCAG 2.2 A and AA and its own best practices: one line a violation.
export async function accessFaults(page) {
  const result = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
  }));
  return result.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')})`);
}

/// How far the page can be scrolled sideways, in CSS pixels; 0 is right. Boxes that scroll by themselves do not count.
export async function sideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/// Controls that a finger would miss: smaller than 24 px (WCAG 2.5.8) in either direction, links within text left out.
export async function smallTargets(page) {
  return page.evaluate(() => [...document.querySelectorAll('button, select, input:not([type=hidden]), summary, a[class]')]
    .map((element) => {
      const label = element.closest('label') ?? document.querySelector(`label[for="${CSS.escape(element.id || ' ')}"]`);
      const boxes = [element, label].filter(Boolean).map((e) => e.getBoundingClientRect());
      const shown = boxes[0].width > 0 && getComputedStyle(element).visibility !== 'hidden';
      const fits = boxes.some((b) => b.width >= 24 && b.height >= 24);
      return shown && !fits ? element.outerHTML.slice(0, 100) : null;
    }).filter(Boolean));
}

/// Controls without an accessible name, by the browser's own reckoning.
export async function nameless(page) {
  return page.evaluate(() => [...document.querySelectorAll('button, a[href], select, textarea, input:not([type=hidden])')]
    .filter((e) => e.getClientRects().length > 0)
    .filter((e) => {
      const labelled = (e.getAttribute('aria-labelledby') ?? '').split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join('');
      const labels = [...(e.labels ?? [])].map((l) => l.textContent).join('');
      return !(e.getAttribute('aria-label') ?? '').trim() && !labelled.trim() && !labels.trim() && !e.textContent.trim()
        && !(e.querySelector('img[alt]:not([alt=""]), svg title'));
    }).map((e) => e.outerHTML.slice(0, 120)));
}

/// A picture for the eye, in build/screens/, when ATTUNE_SCREENS is set.
export async function shot(page, name, { full = true } = {}) {
  if (!process.env.ATTUNE_SCREENS) return;
  const folder = join(root, 'build', 'screens');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: full });
}

/// Every address of the same study that the page links to, without fragments.
export async function linksOf(page, prefix) {
  const found = await page.$$eval('a[href]', (links) => links.map((a) => a.href));
  return [...new Set(found.map((href) => href.split('#')[0]))].filter((href) => href.startsWith(prefix));
}
