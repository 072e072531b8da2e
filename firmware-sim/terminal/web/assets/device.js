// One terminal on a page: shows what is pushed, and works its switches.
'use strict';

class Device {
  constructor(root) {
    this.root = root;
    this.base = root.dataset.base;
    this.name = root.querySelector('h2').textContent;
    this.state = null;
    this.pressed = Promise.resolve(); // keys reach the terminal in the order they were pressed
    for (const what of ['power', 'network']) {
      this.part('.' + what).addEventListener('click', () => this.flip(what));
    }
    for (const button of this.parts('[data-key]')) {
      button.addEventListener('click', () => this.press(button.dataset.key));
    }
    for (const button of this.parts('[data-tap]')) {
      button.addEventListener('click', () => this.tap(button.dataset.tap));
    }
    // A page of one terminal types anywhere, one of several where its focus is.
    (this.base === '' ? document : root).addEventListener('keydown', (event) => this.type(event));
  }

  parts(selector) { return this.root.querySelectorAll(selector); }

  part(selector) { return this.root.querySelector(selector); }

  show(state) {
    this.state = state;
    const says = this.part('.says');
    if (says.textContent !== state.text) says.textContent = state.text;
    this.part('.panel').alt = 'Panel of ' + this.name + ': ' + state.text;
    this.part('.mode').textContent = 'mode: ' + state.mode +
      (state.merchantTransactionId ? ', ' + state.merchantTransactionId : '');
    this.part('.link').textContent = state.link ? 'linked' : 'not linked';
    const lamp = this.part('.lamp');
    if (lamp.dataset.colour !== state.lamp.colour || lamp.dataset.pattern !== state.lamp.pattern) {
      lamp.dataset.colour = state.lamp.colour;
      lamp.dataset.pattern = state.lamp.pattern;
      this.part('.lampword').textContent = state.lamp.pattern === 'off'
        ? 'LED off' : 'LED ' + state.lamp.colour + ', ' + state.lamp.pattern.replace('-', ' ');
    }
    for (const what of ['power', 'network']) {
      const button = this.part('.' + what);
      button.setAttribute('aria-checked', String(state[what]));
      button.disabled = false;
    }
    for (const button of this.parts('[data-key]')) button.disabled = !state.power;
    for (const button of this.parts('[data-tap]')) button.disabled = state.card !== 'waiting';
    const reader = this.part('.reader');
    if (reader) reader.textContent = readerWords[state.card] || state.card;
  }

  frame(frame) { this.part('.panel').src = frame.png; }

  async flip(what) {
    const button = this.part('.' + what);
    button.disabled = true;
    const to = button.getAttribute('aria-checked') === 'true' ? 'off' : 'on';
    this.part('.trouble').textContent = await post(this.base + '/' + what + '/' + to);
    button.disabled = false;
  }

  press(key) {
    this.pressed = this.pressed.then(async () => {
      this.part('.trouble').textContent = await post(this.base + '/keys/' + key);
    });
  }

  async tap(outcome) {
    this.part('.trouble').textContent = await post(this.base + '/card/tap', { outcome });
  }

  // type has digits, Enter and Backspace of a keyboard work the terminal's keys.
  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    let key = event.key;
    if (key === 'Enter') {
      if (event.target.closest('button, a, summary')) return; // it presses that
      key = 'ok';
    } else if (key === 'Backspace') {
      key = 'clear';
    } else if (!/^[0-9]$/.test(key)) {
      return;
    }
    const button = this.part('[data-key="' + key + '"]');
    if (!button || button.disabled) return;
    event.preventDefault();
    this.press(key);
  }
}

// What a page says of the card reader.
const readerWords = {
  idle: 'Card reader: not asked',
  waiting: 'Card reader: put a card on it',
  busy: 'Card reader: asking the bank',
};

// post sends a command and returns '' or, in words, why it was refused.
async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: 'POST',
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
    if (answer.ok) return '';
    return (await answer.json()).message;
  } catch (error) {
    return 'The simulator does not answer.';
  }
}

// listen follows /events for ever; handlers are by event name. While the
// stream is lost the element says for how long.
function listen(stale, handlers) {
  let lostAt = 0;
  const tell = () => {
    stale.hidden = lostAt === 0;
    if (lostAt) {
      stale.textContent = 'Live updates lost ' + Math.round((Date.now() - lostAt) / 1000) + ' s ago, trying again';
    }
  };
  setInterval(tell, 1000);
  const connect = () => {
    const source = new EventSource('/events');
    source.onopen = () => { lostAt = 0; tell(); };
    source.onerror = () => {
      lostAt = lostAt || Date.now();
      tell();
      // A browser that gave up is started again; one that retries is left to it.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
  };
  connect();
}
