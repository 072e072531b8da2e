// One terminal on a page: shows what is pushed, and works its switches.
'use strict';

class Device {
  constructor(root) {
    this.root = root;
    this.base = root.dataset.base;
    this.name = root.querySelector('h2').textContent;
    this.state = null;
    for (const what of ['power', 'network']) {
      this.part('.' + what).addEventListener('click', () => this.flip(what));
    }
  }

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
  }

  frame(frame) { this.part('.panel').src = frame.png; }

  async flip(what) {
    const button = this.part('.' + what);
    button.disabled = true;
    const to = button.getAttribute('aria-checked') === 'true' ? 'off' : 'on';
    this.part('.trouble').textContent = await post(this.base + '/' + what + '/' + to);
    button.disabled = false;
  }
}

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
