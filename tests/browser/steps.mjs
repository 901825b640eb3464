// steps.mjs: what people do on the pages, step by step, so that each test reads as a story.

/// Opens a one-time link and confirms it (a look alone must not use it up).
export async function signIn(page, link) {
  await page.goto(link);
  await page.locator('main form[method="post"] button').click();
  await page.waitForURL((url) => !url.pathname.includes('/sign-in/link/'));
}

/// Chooses the answer `value` (or the last there is) of one question.
export async function choose(page, question, value) {
  const choices = page.locator(`#q-${question} label.choice`);
  const wanted = page.locator(`#q-${question} label.choice:has(input[value="${value}"])`);
  await ((await wanted.count()) ? wanted : choices.last()).click();
}

/// The questions that are on the page now, by name.
export async function questions(page) {
  return page.$$eval('fieldset.question', (sets) => sets.filter((s) => s.getClientRects().length > 0).map((s) => s.id.slice(2)));
}

/// Answers every question that is shown; those that an answer brings up too. Returns how many taps it took.
export async function answerAll(page, answers, otherwise = '4') {
  const done = new Set();
  for (;;) {
    const next = (await questions(page)).find((name) => !done.has(name));
    if (!next) return done.size;
    await choose(page, next, answers[next] ?? otherwise);
    done.add(next);
  }
}

export async function send(page) {
  await Promise.all([page.waitForNavigation(), page.locator('button[value="send"]').click()]);
}

/// What a person reads on the page.
export async function read(page, address) {
  await page.goto(address);
  return page.locator('main').innerText();
}
