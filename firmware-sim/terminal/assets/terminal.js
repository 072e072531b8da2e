'use strict';

const device = new Device(document.querySelector('.device'));
listen(document.getElementById('stale'), {
  state: (state) => device.show(state),
  frame: (frame) => device.frame(frame),
  companion: (frame) => device.companion(frame),
});
