'use strict';

const devices = new Map();

for (const root of document.querySelectorAll('.counter')) {
  const number = Number(root.dataset.number);
  const device = new Device(root.querySelector('.device'));
  const trouble = root.querySelector('.phone .trouble');
  const buttons = ['pay', 'decline'].map((what) => {
    const button = root.querySelector('.' + what);
    button.addEventListener('click', async () => {
      trouble.textContent = await post(device.base + '/' + what);
    });
    return button;
  });
  devices.set(number, { device, buttons, trouble });
}

document.getElementById('sale').addEventListener('submit', async (event) => {
  event.preventDefault();
  document.getElementById('saletrouble').textContent = await post('/sales', {
    terminal: Number(document.getElementById('terminal').value),
    amount: document.getElementById('amount').value.trim(),
    expiresIn: Number(document.getElementById('expires').value),
  });
});

document.getElementById('paste').addEventListener('toggle', async (event) => {
  if (!event.target.open) return;
  const curl = document.getElementById('curl');
  try {
    curl.textContent = await (await fetch('/curl')).text();
  } catch (error) {
    curl.textContent = 'The demo does not answer.';
  }
});

const timeline = document.getElementById('timeline');
let lastEntry = 0;

// span is one part of a line.
function span(name, text) {
  const part = document.createElement(name === 'time' ? 'time' : 'span');
  part.className = name;
  part.textContent = text + ' ';
  return part;
}

function addEntry(entry) {
  if (entry.n <= lastEntry) return; // a new connection tells everything again
  lastEntry = entry.n;
  const line = document.createElement('li');
  const at = new Date(entry.at);
  const clock = at.toTimeString().slice(0, 8) + '.' + String(at.getMilliseconds()).padStart(3, '0');
  line.append(span('time', clock));
  if (entry.payment) line.append(span('since', '+' + entry.sinceMs + ' ms'));
  line.append(span('who', entry.who));
  if (entry.payment) line.append(span('payment', entry.payment));
  line.append(span('what', entry.what));
  timeline.prepend(line);
  while (timeline.children.length > 500) timeline.lastChild.remove();
}

let run = '';

listen(document.getElementById('stale'), {
  run: (name) => {
    if (run && run !== name) location.reload();
    run = name;
  },
  entry: addEntry,
  state: ({ terminal, data }) => {
    const { device, buttons, trouble } = devices.get(terminal);
    device.show(data);
    for (const button of buttons) button.disabled = data.mode !== 'presenting';
    if (data.mode === 'presenting') trouble.textContent = '';
  },
  frame: ({ terminal, data }) => devices.get(terminal).device.frame(data),
});
