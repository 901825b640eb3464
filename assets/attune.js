// attune.js: small comforts. Every page works without it.
'use strict';

// Quick exit: the page is replaced, so that "back" does not lead to it.
for (const link of document.querySelectorAll('[data-leave]')) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    location.replace(link.href);
  });
}

for (const control of document.querySelectorAll('[data-print]')) {
  control.hidden = false;
  control.addEventListener('click', () => window.print());
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll('form[method=post]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
    setTimeout(() => delete form.dataset.sent, 4000);
  });
}
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// A questionnaire: items that hang on another answer appear with it; what is typed is kept as one goes.
for (const form of document.querySelectorAll('form[data-draft]')) {
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
