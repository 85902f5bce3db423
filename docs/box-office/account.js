// Logging in, signing up, and leaving.

import { logIn, signUp } from './api.js';
import { note } from './announce.js';
import { h } from './dom.js';
import { isBusy, notice, whileBusy } from './parts.js';
import { goTo } from './router.js';
import { session } from './session.js';
import { explain } from './words.js';

export async function accountPage({ query, show }) {
  const account = session.current;
  if (account) show('Your account', you(account, show));
  else show('Log in', door(query.get('new') === '1', query.get('next')));
}

function you(account, show) {
  const leave = () => {
    session.end('logged out');
    note('You are logged out.');
    show('Log in', door(false));
  };
  return h('section', { class: 'account' }, h('h1', {}, account.name ? `Hello, ${account.name}` : 'Your account'), h('p', { class: 'lead' }, account.email),
    h('div', { class: 'account-ways' }, h('a', { class: 'button', href: '#/tickets' }, 'Your tickets'), h('a', { class: 'button quiet', href: '#/bookings' }, 'All bookings'),
      h('button', { type: 'button', class: 'link', onclick: leave }, 'Log out')));
}

// One form that is either; what was typed stays when one changes one's mind.
function door(isNew, next) {
  const trouble = h('div', { class: 'trouble' });
  const email = field('E-mail address', { type: 'email', name: 'email', autocomplete: 'username', required: true, value: session.lastEmail });
  const name = field('Name', { type: 'text', name: 'name', autocomplete: 'name' }, 'How we shall call you; may be left out.');
  const password = field('Password', { type: 'password', name: 'password', required: true, minlength: 8, maxlength: 200 }, 'At least eight characters.');
  const title = h('h1');
  const submit = h('button', { type: 'submit', class: 'button wide' });
  const other = h('button', { type: 'button', class: 'link', onclick: () => { isNew = !isNew; dress(); } });
  const form = h('form', { class: 'door', novalidate: true, onsubmit: (e) => { e.preventDefault(); enter(); } },
    trouble, email.element, name.element, password.element, submit, other);

  function dress() {
    title.textContent = isNew ? 'Make an account' : 'Welcome back';
    submit.textContent = isNew ? 'Sign up' : 'Log in';
    other.textContent = isNew ? 'I have an account already' : 'I am new here: make an account';
    name.element.hidden = !isNew;
    password.hint.hidden = !isNew;
    password.input.autocomplete = isNew ? 'new-password' : 'current-password';
    trouble.replaceChildren();
  }

  async function enter() {
    if (isBusy(submit) || ![email, password].every((f) => f.check())) return;
    trouble.replaceChildren();
    try {
      session.begin(await whileBusy(submit, 'One moment …', () => (isNew
        ? signUp({ email: email.input.value, password: password.input.value, name: name.input.value.trim() || null })
        : logIn(email.input.value, password.input.value))));
      note(isNew ? 'Your account is made.' : 'You are logged in.');
      goTo(next ?? '');
    } catch (error) {
      trouble.replaceChildren(notice(explain(error)));
      if (!error.code) throw error;
    }
  }
  dress();
  return h('section', { class: 'account' }, title, h('p', { class: 'lead' }, 'Your tickets, on every device you use.'), form);
}

// A labelled input that says what is wrong with it, next to it.
function field(label, properties, hintText) {
  const id = `field-${properties.name}`;
  const hint = hintText && h('small', { id: `${id}-hint` }, hintText);
  const wrong = h('small', { id: `${id}-wrong`, class: 'field-wrong', role: 'alert' });
  const input = h('input', { id, 'aria-describedby': [hint?.id, wrong.id].filter(Boolean).join(' '), oninput: () => clear(), ...properties });
  const clear = () => { wrong.textContent = ''; input.removeAttribute('aria-invalid'); };
  const check = () => {
    if (input.checkValidity()) return true;
    wrong.textContent = input.validationMessage;
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    return false;
  };
  return { input, hint, check, element: h('div', { class: 'field' }, h('label', { for: id }, label), input, hint, wrong) };
}
