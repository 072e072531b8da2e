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
      button.addEventListener('click', () => this.order('/card/' + button.dataset.tap));
    }
    for (const button of this.parts('[data-post]')) {
      button.addEventListener('click', () => this.order(button.dataset.post));
    }
    for (const what of ['listen', 'hotkeys']) {
      const button = this.part('.' + what);
      if (button) button.addEventListener('click', () => setSwitch(button, !isOn(button)));
    }
    this.part('.listen').addEventListener('click', () => {
      this.speaker = isOn(this.part('.listen')) ? this.speaker || new Speaker() : this.speaker;
    });
    this.fit();
    // A page of one terminal types anywhere, one of several where its focus is.
    (this.base === '' ? document : root).addEventListener('keydown', (event) => this.type(event));
  }

  parts(selector) { return this.root.querySelectorAll(selector); }

  part(selector) { return this.root.querySelector(selector); }

  show(state) {
    const last = this.state;
    this.state = state;
    setText(this.part('.says'), state.text);
    for (const [glass, who] of [['.panel', 'Panel of '], ['.companion', 'Companion of ']]) {
      const picture = this.part(glass);
      if (picture) picture.alt = who + this.name + ': ' + state.text;
    }
    this.part('.mode').textContent = 'mode: ' + state.mode +
      (state.merchantTransactionId ? ', ' + state.merchantTransactionId : '');
    this.part('.link').textContent = state.link ? 'linked' : 'not linked';
    const lamp = this.part('.lamp');
    if (lamp.dataset.colour !== state.lamp.colour || lamp.dataset.pattern !== state.lamp.pattern) {
      lamp.dataset.colour = state.lamp.colour;
      lamp.dataset.pattern = state.lamp.pattern;
      this.part('.lampword').textContent = state.lamp.pattern === 'off'
        ? 'LED off' : 'LED ' + state.lamp.colour + ', ' + state.lamp.pattern.replaceAll('-', ' ');
    }
    for (const what of ['power', 'network']) {
      const button = this.part('.' + what);
      setSwitch(button, state[what]);
      button.disabled = false;
    }
    for (const button of this.parts('[data-key]')) button.disabled = !state.power;
    for (const button of this.parts('[data-tap]')) {
      button.disabled = state.card !== 'waiting' && !(state.card === 'busy' && button.dataset.tap === 'remove');
    }
    const reader = this.part('[data-tap]') && this.part('.reader');
    if (reader) reader.textContent = readerWords[state.card] || state.card;
    const clock = this.part('.clock');
    if (clock) setText(clock, 'Clock: ' + (state.clock === '0' ? 'right' : 'wrong by ' + state.clock));
    this.hear(last && last.sound, state.sound);
  }

  // hear shows what is heard in words, and sounds it if somebody wants that. What
  // was heard before this page was there is not sounded again.
  hear(before, now) {
    if (before ? before.n === now.n : now.n === 0) return;
    const said = now.caption && (now.muted || now.volume === 0 ? 'Not spoken: ' : 'Voice: ') + now.caption;
    const caption = this.part('.caption');
    caption.lang = now.language || 'en';
    setText(caption, [now.tone && 'Tone: ' + now.tone.replaceAll('-', ' '), said].filter(Boolean).join('. '));
    if (before && this.speaker && isOn(this.part('.listen'))) this.speaker.sound(now, this.base + '/voice.wav');
  }

  frame(frame) { this.part('.panel').src = frame.png; }

  companion(frame) {
    const picture = this.part('.companion');
    if (picture) picture.src = frame.png;
  }

  // fit keeps a picture at one or two pixels a pixel; where there is no room for
  // that it is made smaller, smoothly, so that its QR can still be read.
  fit() {
    const zoom = this.part('.zoom');
    const room = () => {
      for (const picture of this.parts('.panel')) {
        picture.dataset.width = picture.dataset.width || picture.getAttribute('width');
        picture.dataset.height = picture.dataset.height || picture.getAttribute('height');
        const times = zoom && isOn(zoom) ? 2 : 1;
        picture.width = times * picture.dataset.width;
        picture.height = times * picture.dataset.height;
        picture.classList.toggle('shrunk', picture.clientWidth < picture.getAttribute('width'));
      }
    };
    if (zoom) {
      zoom.addEventListener('click', () => {
        setSwitch(zoom, !isOn(zoom));
        this.root.classList.toggle('double', isOn(zoom));
        room();
      });
    }
    new ResizeObserver(room).observe(this.root);
    room();
  }

  async flip(what) {
    const button = this.part('.' + what);
    button.disabled = true;
    await this.order('/' + what + '/' + (isOn(button) ? 'off' : 'on'));
    button.disabled = false;
  }

  async order(path) { this.part('.trouble').textContent = await post(this.base + path); }

  press(key) { this.pressed = this.pressed.then(() => this.order('/keys/' + key)); }

  // type has a keyboard work the terminal's keys: each button says by which.
  type(event) {
    const hotkeys = this.part('.hotkeys');
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (event.key === 'Enter' && event.target.closest('button, a, summary')) return; // it presses that
    if (hotkeys && !isOn(hotkeys)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const button = [...this.parts('[data-key]')].find((b) => b.getAttribute('aria-keyshortcuts') === key);
    if (!button || button.disabled) return;
    event.preventDefault();
    this.press(button.dataset.key);
  }
}

// What a page says of the card reader.
const readerWords = {
  idle: 'Card reader: not asked',
  waiting: 'Card reader: put a card on it',
  busy: 'Card reader: asking the bank',
};

function isOn(button) { return button.getAttribute('aria-checked') === 'true'; }

function setSwitch(button, on) { button.setAttribute('aria-checked', String(on)); }

// setText leaves what is right alone: a live region would be read out again.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
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

// Speaker is this computer's loudspeaker, once somebody has switched it on.
class Speaker {
  constructor() {
    this.audio = new AudioContext();
    this.tones = fetch('/tones.json').then((answer) => answer.json());
    this.done = Promise.resolve();
  }

  // sound plays a tone, then the clip of what is said, each where there is one.
  sound(what, clip) {
    const volume = what.volume / 100;
    this.done = this.done.then(async () => {
      if (what.tone) await this.play((await this.tones)[what.tone], volume);
      if (what.said && !what.muted && volume > 0) await this.say(clip, volume);
    }).catch(() => {}); // its caption is there: a sound may be missing
  }

  // loud is a loudspeaker at a volume.
  loud(volume) {
    const gain = this.audio.createGain();
    gain.gain.value = volume;
    gain.connect(this.audio.destination);
    return gain;
  }

  async play(tone, volume) {
    const out = this.loud(volume * (tone.soft ? 0.1 : 0.2));
    let at = this.audio.currentTime;
    for (const note of tone.notes) {
      if (note.hz > 0) {
        const beep = this.audio.createOscillator();
        beep.frequency.value = note.hz;
        beep.connect(out);
        beep.start(at);
        beep.stop(at + note.ms / 1000);
      }
      at += note.ms / 1000;
    }
    await new Promise((done) => setTimeout(done, 1000 * (at - this.audio.currentTime)));
  }

  async say(path, volume) {
    const answer = await fetch(path);
    if (!answer.ok) return;
    const player = this.audio.createBufferSource();
    player.buffer = await this.audio.decodeAudioData(await answer.arrayBuffer());
    player.connect(this.loud(volume));
    const over = new Promise((done) => { player.onended = done; });
    player.start();
    await over;
  }
}

// listen follows /events for ever; handlers are by event name. While the
// stream is lost the element says for how long; who hears it is told once.
function listen(stale, handlers) {
  let lostAt = 0;
  const ago = document.createElement('span');
  ago.setAttribute('aria-hidden', 'true');
  const tell = () => {
    stale.hidden = lostAt === 0;
    if (!lostAt) {
      stale.replaceChildren();
      return;
    }
    setText(ago, ' ' + Math.round((Date.now() - lostAt) / 1000) + ' s ago');
    if (!ago.isConnected) stale.replaceChildren('Live updates lost', ago, ', trying again');
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
