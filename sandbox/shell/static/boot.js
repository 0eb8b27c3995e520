/* Names the modules that amoCRM gives to widgets, then starts the page. */
'use strict';

// "auto" is amoCRM's choice of following the system.
const root = document.documentElement;
if (root.dataset.colorScheme === 'auto') {
  const isDark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => {
    root.dataset.colorScheme = isDark.matches ? 'dark' : 'light';
  };
  isDark.addEventListener('change', () => (window.__shell.own ? window.__shell.own(follow) : follow()));
  follow();
}

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
