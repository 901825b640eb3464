// attune.js: small comforts. Every page works without it.
'use strict';

// A patient's pages leave one entry in the history, so that "back" after the quick exit leads past all of them: another
// language, a page with problems and the thanks take the place of the page before.
async function sendInPlace(form, button) {
  const body = new URLSearchParams(new FormData(form));
  if (button && button.name) body.append(button.name, button.value);
  const answer = await fetch(form.action, { method: 'POST', body, credentials: 'same-origin' });
  if (answer.redirected) return location.replace(answer.url);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.title = page.title;
  document.documentElement.lang = page.documentElement.lang;
  document.body.replaceWith(page.body);
  begin();
  const first = document.querySelector('[autofocus]');
  if (first) first.focus();
  else scrollTo(0, 0);
}

function replaceHistory() {
  for (const link of document.querySelectorAll('a[data-leave], a[data-replace]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      location.replace(link.href);
    });
  }
}

function offerPrint() {
  for (const control of document.querySelectorAll('[data-print]')) {
    control.hidden = false;
    control.addEventListener('click', () => window.print());
  }
}

// A form is sent once, however often its button is pressed.
function sendOnce() {
  for (const form of document.querySelectorAll('form[method=post]')) {
    form.addEventListener('submit', (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = '1';
      setTimeout(() => delete form.dataset.sent, 4000);
      if (!('replace' in form.dataset)) return undefined;
      event.preventDefault();
      return sendInPlace(form, event.submitter).catch(() => { // no network, or no such page: as without this script
        delete form.dataset.replace;
        delete form.dataset.sent;
        form.requestSubmit(event.submitter);
      });
    });
  }
}

// A questionnaire: items that hang on another answer appear with it; what is typed is kept as one goes.
function followAnswers(form) {
  const dependants = [...form.querySelectorAll('[data-shown-if]')];
  const arrange = () => {
    for (const part of dependants) {
      const chosen = [...form.querySelectorAll(`[name="${CSS.escape(part.dataset.shownIf)}"]`)]
        .some((field) => (field.type === 'radio' || field.type === 'checkbox' ? field.checked : true) && field.value === part.dataset.shownValue);
      part.hidden = !chosen;
    }
  };
  arrange();
  const words = form.querySelector('[data-saved]');
  let timer = 0;
  let saving = Promise.resolve();
  const save = async () => {
    try {
      const answer = await fetch(form.dataset.draft, {
        method: 'POST', body: new URLSearchParams(new FormData(form)), keepalive: true, redirect: 'error', credentials: 'same-origin',
      });
      if (words) words.textContent = answer.ok ? words.dataset.saved : words.dataset.unsaved;
    } catch {
      if (words) words.textContent = words.dataset.unsaved;
    }
  };
  const soon = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => { saving = saving.then(save); }, wait);
  };
  form.addEventListener('change', () => { arrange(); soon(300); });
  form.addEventListener('input', (event) => { if (event.target.matches('textarea, input[type=text], input[type=number]')) soon(1200); });
  form.addEventListener('submit', () => clearTimeout(timer));
}

function begin() {
  replaceHistory();
  offerPrint();
  sendOnce();
  document.querySelectorAll('form[data-draft]').forEach(followAnswers);
}

begin();
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});
