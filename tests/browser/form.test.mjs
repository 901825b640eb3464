// The whole path: a patient answers on a phone; the right pages change, and the wrong ones do not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { accessFaults, launch, NARROW, person, PHONE, root, serveDemo, shot, sideways, study } from './helper.mjs';
import { answerAll, choose, questions, read, send, signIn } from './steps.mjs';

const TENSE = { feeling: '2', goal: '1', way: '1', understood: '1', open: '1', trust: '1', tension: '1', tension_strength: '5', tension_resolved: '1' };
let demo, browser, practice, trial, origin;
const staff = {}; // by study and role: someone who is signed in

before(async () => {
  demo = await serveDemo();
  browser = await launch();
  origin = new URL(demo.world.url).origin;
  practice = study(demo.world, 'practice');
  trial = study(demo.world, 'tensions-and-repair');
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

// Someone of a study, signed in once for all tests.
async function someone(where, role) {
  const key = `${where.name} ${role}`;
  if (!staff[key]) {
    staff[key] = await person(browser);
    await signIn(staff[key].page, where.sign_in[role]);
  }
  return staff[key].page;
}

async function openForm(form, options = {}) {
  const who = await person(browser, { viewport: PHONE, hasTouch: true, isMobile: true, ...options });
  await who.page.goto(form.url);
  return who;
}

async function attune(...words) {
  return promisify(execFile)(process.env.ATTUNE_PROGRAM ?? `${root}/build/attune`, words, { cwd: root });
}
async function entries(where) {
  return JSON.parse((await attune('verify', where.home, '--json')).stdout).entries;
}

const codes = (page) => page.$$eval('a.code', (links) => links.map((a) => a.textContent.trim()));

test('in the practice, a tense answer given on a phone reaches the therapist, and the log, and nobody else', async () => {
  const therapist = await someone(practice, 'therapist');
  await therapist.goto(`${origin}/practice/caseload`);
  const mine = await codes(therapist);
  const form = practice.forms.find((f) => mine.includes(f.participant));
  assert.ok(form, 'a patient of this therapist has a form to answer');
  const control = await someone(trial, 'therapist-control');
  const log = await someone(practice, 'administrator');
  const course = `${origin}/practice/patients/${form.participant}`;
  const earlier = { course: await read(therapist, course), control: await read(control, `${origin}/${trial.name}/caseload`), log: await read(log, `${origin}/practice/log`) };
  const points = await therapist.goto(course).then(() => therapist.locator('table tbody tr').count());

  const before = await entries(practice);
  const patient = await openForm(form);
  await shot(patient.page, 'story-1-form');
  const began = Date.now();
  const taps = await answerAll(patient.page, TENSE);
  await send(patient.page);
  assert.ok(taps <= 11, `${taps} taps`);
  assert.ok(Date.now() - began < 120_000, 'under two minutes, even for a machine that is busy');
  await shot(patient.page, 'story-2-thanks');
  assert.equal(await patient.page.locator('fieldset.question').count(), 0);
  assert.deepEqual(await accessFaults(patient.page), []);
  assert.deepEqual(patient.complaints, []);
  assert.ok((await entries(practice)) > before, 'an entry more');

  const later = { course: await read(therapist, course), control: await read(control, `${origin}/${trial.name}/caseload`), log: await read(log, `${origin}/practice/log`) };
  await shot(therapist, 'story-3-course');
  assert.notEqual(later.course, earlier.course, "the therapist's page changes");
  assert.ok((await therapist.goto(course).then(() => therapist.locator('table tbody tr').count())) >= points);
  assert.match(later.course, /the patient/i, 'who noticed the tension');
  assert.notEqual(later.log, earlier.log, 'the log shows it');
  assert.equal(later.control, earlier.control, 'the page of a therapist of the other study does not change');
  await patient.close();
});

test('in the trial, the control therapist and the therapist see no course; the trainer sees trained therapists alone', async () => {
  const control = await someone(trial, 'therapist-control');
  const earlier = await read(control, `${origin}/${trial.name}/caseload`);
  assert.doesNotMatch(earlier, /tension|repaired|steady/i, 'tasks alone');
  const form = trial.forms[0];
  const patient = await openForm(form);
  await answerAll(patient.page, TENSE);
  await send(patient.page);
  assert.equal(await read(control, `${origin}/${trial.name}/caseload`), earlier);
  for (const role of ['therapist', 'therapist-control']) {
    const answer = await (await someone(trial, role)).goto(`${origin}/${trial.name}/patients/${form.participant}`);
    assert.equal(answer.status(), 404, `${role} opens no course`);
  }
  const trainer = await someone(trial, 'trainer');
  assert.equal((await trainer.goto(`${origin}/${trial.name}/flagged`)).status(), 200);
  await shot(trainer, 'story-4-flagged');
  await patient.close();
});

test('the coordinator sees both progress bars, and one form fewer to wait for', async () => {
  const coordinator = await someone(trial, 'coordinator');
  const earlier = await read(coordinator, `${origin}/${trial.name}/overview`);
  assert.ok((await coordinator.locator('progress, [role="progressbar"], svg[role="img"]').count()) >= 2, 'therapists and patients against their targets');
  const patient = await openForm(trial.forms[1]);
  await answerAll(patient.page, {}, '5');
  await send(patient.page);
  assert.notEqual(await read(coordinator, `${origin}/${trial.name}/overview`), earlier);
  await shot(coordinator, 'story-5-overview');
  await patient.close();
});

test('a used link says so kindly, with whom to call', async () => {
  const form = trial.forms[2];
  const patient = await openForm(form);
  await answerAll(patient.page, {}, '5');
  await send(patient.page);
  assert.match(await patient.page.locator('h1').innerText(), /Thank you/);
  await patient.page.goto(form.url);
  assert.match(await patient.page.locator('h1').innerText(), /already/);
  assert.match(await patient.page.locator('.crisis-line').innerText(), /9-8-8/);
  await patient.close();
});

test('the front page has a door for each role, again and again', async () => {
  const visitor = await person(browser, { viewport: PHONE });
  for (let i = 0; i < 2; i += 1) {
    await visitor.page.goto(`${origin}/`);
    assert.match(await visitor.page.locator('main').innerText(), /made up/);
    await Promise.all([visitor.page.waitForNavigation(), visitor.page.locator('button[value="coordinator"]').first().click()]);
    assert.match(visitor.page.url(), /\/overview$/);
  }
  assert.deepEqual(await accessFaults(visitor.page), []);
  await visitor.close();
});

test('the same form sent twice stores one answer', async () => {
  const form = practice.forms.at(-1);
  const [first, second] = [await openForm(form), await openForm(form)];
  await answerAll(first.page, {}, '5');
  await answerAll(second.page, {}, '5');
  const before = await entries(practice);
  await send(first.page);
  const stored = await entries(practice);
  assert.equal(stored, before + 1);
  await send(second.page);
  assert.equal(await entries(practice), stored, 'the second tab stores nothing');
  await first.page.goBack();
  await first.page.goto(form.url);
  assert.equal(await first.page.locator('fieldset.question').count(), 0, 'answers are not shown again');
  await first.close();
  await second.close();
});

test('half filled, closed, opened again: what was chosen is there', async () => {
  const form = practice.forms.at(-2);
  const first = await openForm(form);
  const kept = first.page.waitForResponse((r) => r.url().endsWith('/draft') && r.ok());
  await choose(first.page, 'goal', '2');
  await kept;
  await first.close();
  const again = await openForm(form);
  assert.equal(await again.page.locator('#q-goal input:checked').getAttribute('value'), '2');
  await again.close();
});

test('sent empty: every fault stands at the top and beside its question, and what was chosen stays', async () => {
  const who = await openForm(practice.forms.at(-3));
  await choose(who.page, 'goal', '3');
  await who.page.locator('button[value="send"]').click();
  await who.page.locator('.note.wrong').waitFor();
  assert.match(await who.page.title(), /^Error: /);
  assert.ok(await who.page.evaluate(() => document.activeElement.classList.contains('wrong')), 'the summary has the focus');
  const wrong = await who.page.locator('[aria-invalid="true"], fieldset.question.has-error').count();
  assert.ok(wrong >= 5, `${wrong} questions are marked`);
  assert.equal(await who.page.locator('#q-goal input:checked').getAttribute('value'), '3');
  assert.ok((await who.page.locator('a[href^="#q-"], a[href^="#"]').count()) >= 5, 'links to the questions');
  assert.deepEqual(await accessFaults(who.page), []);
  await who.page.setViewportSize(NARROW);
  assert.equal(await sideways(who.page), 0);
  await shot(who.page, 'story-6-faults');
  await who.close();
});

test('the language can be changed on the way, and what was chosen stays', async () => {
  const who = await openForm(practice.forms.at(-4));
  await choose(who.page, 'goal', '5');
  await Promise.all([who.page.waitForNavigation(), who.page.locator('.language').first().click()]);
  assert.match(await who.page.locator('html').getAttribute('lang'), /^fr/);
  assert.equal(await who.page.locator('#q-goal input:checked').getAttribute('value'), '5');
  await who.close();
});

test('by keyboard alone, with the focus always to be seen', async () => {
  const who = await person(browser, { viewport: PHONE });
  await who.page.goto(practice.forms.at(-5).url);
  const wanted = new Set(await questions(who.page));
  for (let i = 0; i < 60; i += 1) {
    await who.page.keyboard.press('Tab');
    const at = await who.page.evaluate(() => {
      const e = document.activeElement;
      const shown = [e, e.nextElementSibling, e.closest('label')].filter(Boolean).some((x) => {
        const style = getComputedStyle(x);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none';
      });
      return { question: e.closest('fieldset.question')?.id.slice(2) ?? null, send: e.value === 'send', checked: e.checked, shown, tag: e.tagName };
    });
    assert.ok(at.shown || at.tag === 'BODY', `the focus on ${JSON.stringify(at)} cannot be seen`);
    if (at.question && !at.checked) await who.page.keyboard.press('Space');
    if (at.question) wanted.delete(at.question);
    if (at.send) break;
  }
  assert.deepEqual([...wanted], [], 'questions that the keyboard does not reach');
  await Promise.all([who.page.waitForNavigation(), who.page.keyboard.press('Enter')]);
  assert.equal(await who.page.locator('fieldset.question').count(), 0);
  await who.close();
});

test('without JavaScript', async () => {
  const who = await openForm(practice.forms.at(-6), { javaScript: false });
  for (const name of ['feeling', 'goal', 'way', 'understood', 'open', 'trust']) await who.page.locator(`#q-${name} label.choice`).nth(3).click();
  await who.page.locator('#q-tension label.choice:has(input[value="0"])').click();
  await Promise.all([who.page.waitForNavigation(), who.page.locator('button[value="send"]').click()]);
  assert.equal(await who.page.locator('fieldset.question').count(), 0, await who.page.locator('main').innerText());
  await who.page.goto(`${practice.forms.at(-7).url}?language=fr`);
  assert.equal(await who.page.locator('html').getAttribute('lang'), 'fr');
  const reader = await person(browser, { javaScript: false });
  await signIn(reader.page, practice.sign_in.coordinator);
  assert.equal((await reader.page.goto(`${origin}/practice/overview`)).status(), 200);
  await reader.close();
  await who.close();
});

test('quick exit stays in reach, and leaves nothing to go back to, also after faults and another language', async () => {
  const who = await openForm(practice.forms.at(-7));
  await Promise.all([who.page.waitForNavigation(), who.page.locator('.language').first().click()]);
  await who.page.locator('button[value="send"]').click();
  await who.page.locator('.note.wrong').waitFor();
  await who.page.mouse.wheel(0, 4000);
  const place = await who.page.locator('[data-leave]').boundingBox();
  assert.ok(place.y >= 0 && place.y < 100, `at ${place.y} px`);
  await who.page.locator('[data-leave]').click();
  await who.page.waitForURL((url) => url.pathname === '/leave');
  await who.page.goBack().catch(() => null);
  assert.doesNotMatch(who.page.url(), /\/f\//);
  await who.close();
});

test('afterwards the ledgers hold', async () => {
  for (const where of demo.world.studies) await attune('verify', where.home);
});
