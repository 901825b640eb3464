// The harness against planted faults: each question that helper.mjs asks of a page must be able to say no.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { accessFaults, launch, nameless, NARROW, person, sideways, smallTargets } from './helper.mjs';

const SOUND = '<!doctype html><html lang=en><title>Sound</title><main><h1>Sound</h1><p>Text <a href="/x">and a link</a></p>'
  + '<button style="min-width:44px;min-height:44px">Go</button></main>';
const PAGES = {
  '/sound': SOUND,
  '/access': SOUND.replace('<p>', '<img src="data:,"><p style="color:#ccc;background:#fff">'),
  '/wide': SOUND.replace('<p>', '<p style="width:900px">'),
  '/small': SOUND.replace('44px;min-height:44px', '4px;width:9px;height:9px;padding:0;border:0;font-size:5px'),
  '/nameless': SOUND.replace('>Go<', '><'),
  '/script': SOUND.replace('</main>', '<script>throw new Error("planted")</script></main>'),
  '/policy': SOUND.replace('</main>', '<script>1</script></main>'),
};
let server, browser, address;

before(async () => {
  server = createServer((request, response) => {
    const page = PAGES[request.url];
    const headers = { 'content-type': 'text/html; charset=utf-8' };
    if (request.url === '/policy') headers['content-security-policy'] = "default-src 'none'; style-src 'unsafe-inline'";
    response.writeHead(page ? 200 : 404, headers).end(page ?? '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server.close();
});

async function look(path) {
  const someone = await person(browser, { viewport: NARROW });
  await someone.page.goto(address + path);
  const seen = {
    access: await accessFaults(someone.page), sideways: await sideways(someone.page), small: await smallTargets(someone.page),
    nameless: await nameless(someone.page), complaints: someone.complaints.filter((c) => !c.includes('404')),
  };
  await someone.close();
  return seen;
}

test('a sound page passes every question', async () => {
  assert.deepEqual(await look('/sound'), { access: [], sideways: 0, small: [], nameless: [], complaints: [] });
});
test('axe finds an image without a text and grey on white', async () => {
  const { access } = await look('/access');
  assert.match(access.join('\n'), /image-alt/);
  assert.match(access.join('\n'), /color-contrast/);
});
test('a page that is too wide is found', async () => assert.ok((await look('/wide')).sideways > 400));
test('a button that is too small is found', async () => assert.equal((await look('/small')).small.length, 1));
test('a button without a name is found', async () => assert.equal((await look('/nameless')).nameless.length, 1));
test('an exception is found', async () => assert.match((await look('/script')).complaints.join(), /planted/));
test('a violated policy is found, and axe runs under it', async () => assert.match((await look('/policy')).complaints.join(), /policy/i));
