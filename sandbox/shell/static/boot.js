/* Names the modules that amoCRM gives to widgets, then starts the page. */
'use strict';

requirejs.config({
  baseUrl: '/',
  waitSeconds: 30,
  paths: {
    jquery: '/nm/jquery',
    underscore: '/nm/underscore',
    twigjs: '/nm/twigjs',
    moment: '/nm/moment',
    clipboard: '/nm/clipboard',
    'lib/components/base/modal': '/harness/modal',
    shell: '/harness',
  },
});

// `window.__shell` is there for tests from the first moment; main.js fills in the rest.
const started = new Promise((resolve, reject) => requirejs(['shell/main'], resolve, reject));
window.__shell = {
  get ready() {
    return started.then((main) => main.settled());
  },
};
