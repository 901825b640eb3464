// Every page that every kind of person can reach by links, in both languages, at the width of a desk, a phone and a
// narrow phone: no violation that axe-core knows, no sideways scroll, nothing nameless or too small to touch, no complaint.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessFaults, DESK, launch, linksOf, nameless, NARROW, person, PHONE, serveDemo, shot, sideways, smallTargets } from './helper.mjs';
import { signIn } from './steps.mjs';

const LANGUAGES = ['en', 'fr'];
const LOOKED_AT_LEAST = 40; // pages and languages; the crawl must not quietly find nothing
let demo, browser;
let looked = 0;

before(async () => {
  demo = await serveDemo();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

// Pages that are the same for every role of a study: once in a language is enough.
const SHARED = /\/(record|help|account)$/;
const lookedAt = new Set();

// The kind of page behind an address: codes, numbers and tokens are all alike, and so are queries but for their names.
function kindOf(address) {
  const url = new URL(address);
  const path = url.pathname.split('/').map((part) => (/^[A-Z]-[0-9A-Z]{6,}$|^\d+$|^[\w-]{22,}$/.test(part) ? '*' : part)).join('/');
  const query = [...url.searchParams.keys()].filter((key) => key !== 'language' && key !== 'done').sort().join('&');
  return path + (query ? `?${query}` : '');
}

async function look(page, complaints, name) {
  const faults = [];
  await page.setViewportSize(DESK);
  faults.push(...(await accessFaults(page)).map((f) => `1280 px: ${f}`));
  await shot(page, `${name}-desk`);
  await page.setViewportSize(PHONE);
  faults.push(...(await accessFaults(page)).map((f) => `360 px: ${f}`), ...(await smallTargets(page)).map((f) => `too small: ${f}`));
  const header = await page.evaluate(() => document.querySelector('header.top')?.getBoundingClientRect().height ?? 0);
  if (header >= 120) faults.push(`360 px: the header takes ${header} px`);
  await shot(page, `${name}-phone`);
  await page.setViewportSize(NARROW);
  const beyond = await sideways(page);
  if (beyond > 0) faults.push(`320 px: scrolls sideways by ${beyond} px`);
  faults.push(...(await nameless(page)).map((f) => `nameless: ${f}`), ...complaints.splice(0).map((c) => `complaint: ${c}`));
  const told = await page.evaluate(() => ({ language: document.documentElement.lang, title: document.title, headings: document.querySelectorAll('h1').length }));
  if (told.headings !== 1) faults.push(`${told.headings} h1 headings`);
  if (!told.title.trim()) faults.push('no title');
  looked += 1;
  return { faults, told };
}

async function crawl(t, who, start, prefix, language) {
  const waiting = [start], seen = new Set([kindOf(start)]);
  while (waiting.length) {
    const address = waiting.shift();
    if (SHARED.test(kindOf(address)) && lookedAt.has(kindOf(address) + language)) continue;
    lookedAt.add(kindOf(address) + language);
    const asked = new URL(address);
    asked.searchParams.set('language', language); // a link may carry another language already
    const joined = asked.href;
    await t.test(`${kindOf(address)} in ${language}`, async () => {
      const answer = await who.page.goto(joined);
      assert.equal(answer.status(), 200, address);
      const name = `${prefix.split('/').filter(Boolean).pop()}-${t.name.replace(/\W+/g, '-')}-${kindOf(address).split('/').slice(2).join('-').replace(/\W+/g, '-') || 'front'}-${language}`;
      const { faults, told } = await look(who.page, who.complaints, name);
      assert.deepEqual(faults, []);
      assert.equal(told.language.slice(0, 2), language);
    });
    for (const link of await linksOf(who.page, prefix)) {
      if (seen.has(kindOf(link)) || /\/(export|download|data)\b|\.(csv|json|txt)$|\/sign-out/.test(link)) continue;
      seen.add(kindOf(link));
      waiting.push(link);
    }
  }
  return seen.size;
}

test('every page of every role', async (t) => {
  for (const study of demo.world.studies) {
    const prefix = `${new URL(demo.world.url).origin}/${study.name}/`;
    for (const [role, link] of Object.entries(study.sign_in)) {
      await t.test(`${study.name} ${role}`, async (t) => {
        const who = await person(browser);
        try {
          await signIn(who.page, link);
          for (const language of LANGUAGES) await crawl(t, who, prefix, prefix, language);
        } finally {
          await who.close();
        }
      });
    }
  }
});

test('every page of a visitor', async (t) => {
  const who = await person(browser);
  const origin = new URL(demo.world.url).origin;
  for (const language of LANGUAGES) {
    for (const path of ['/', '/none', '/leave', `/${demo.world.studies[0].name}/sign-in`, `/${demo.world.studies[0].name}/record`, `/${demo.world.studies[1].name}/record`, '/f/none']) {
      await t.test(`${path} in ${language}`, async () => {
        await who.page.goto(`${origin}${path}?language=${language}`);
        who.complaints.splice(0); // a page that is not there is reported by the browser as an error
        const { faults, told } = await look(who.page, who.complaints, `visitor-${path.replace(/\W+/g, '-')}-${language}`);
        assert.deepEqual(faults, []);
        assert.equal(told.language.slice(0, 2), language);
      });
    }
  }
  await who.close();
});

test('a form of every kind, before and after an empty answer', async (t) => {
  const kinds = new Map();
  for (const study of demo.world.studies) for (const form of study.forms) kinds.set(`${study.name} ${form.form}`, form);
  for (const [kind, form] of kinds) {
    for (const language of LANGUAGES) {
      await t.test(`${kind} in ${language}`, async () => {
        const who = await person(browser);
        await who.page.goto(`${form.url}?language=${language}`);
        const open = await look(who.page, who.complaints, `form-${kind.replace(/\W+/g, '-')}-${language}`);
        assert.deepEqual(open.faults, []);
        assert.equal(open.told.language.slice(0, 2), language);
        await who.close();
      });
    }
  }
});

test('the crawl has seen enough', () => assert.ok(looked >= LOOKED_AT_LEAST, `${looked} looks`));
