/*
 * The page of settings: bots, their groups and deals, the state of the account.
 *
 * `open` draws it into an element of the widget and keeps it up to date until `close`, which leaves nothing behind: no
 * listener, no timer, no request. There is one page at a time.
 */
define([
  'jquery',
  '../api.js',
  '../view.js',
  '../dialogs/dialog.js',
  './state.js',
  './loader.js',
  './screen.js',
  './drawing.js',
  './actions.js',
  './live.js'
], function ($, Api, View, Dialog, State, Loader, Screen, Drawing, Actions, Live) {
  'use strict';

  const SEARCH_PAUSE_S = 0.3;

  function loadTemplates(view) {
    return $.when(
      view.load('page/page'),
      view.load('page/loading'),
      view.load('page/failure'),
      view.load('page/nothing'),
      view.load('page/header'),
      view.load('page/notices'),
      view.load('page/guide'),
      view.load('page/search'),
      view.load('page/bots'),
      view.load('page/footer')
    );
  }

  /* Which bots are well, to notice afterwards what has changed. */
  function levelsOf(bots) {
    const levels = {};

    bots.forEach(function (bot) {
      levels[bot.id] = bot.status.level;
    });
    return levels;
  }

  function Page(self, $root) {
    const namespace = '.' + self.params.widget_code;
    const api = Api(self);
    const view = View(self);
    const state = State.create();
    const loader = Loader(api, state);
    const drawing = Drawing($root, view);
    const timers = {};
    const watchers = new Set();
    let isOpen = true;
    let live = null;
    let refreshing = null;

    const ctx = { self: self, api: api, view: view, store: state.store, refresh: refresh, watch: watch };

    function watch(listener) {
      watchers.add(listener);
      return function () {
        watchers.delete(listener);
      };
    }

    function after(name, seconds, act) {
      window.clearTimeout(timers[name]);
      if (isOpen) {
        timers[name] = window.setTimeout(act, seconds * 1000);
      }
    }

    function draw() {
      if (isOpen) {
        drawing.draw(Screen.parts(state, view.t));
      }
    }

    /* Words for a screen reader: emptied first, so that the same words are read out again. */
    function say(text) {
      const $live = $root.find('[data-dgm-live]').text('');

      after('say', 0.1, function () {
        $live.text(text);
      });
    }

    /* Everything anew. Whoever asks while this runs gets another round after it, the same for all of them. */
    function refresh() {
      if (!refreshing) {
        refreshing = round().always(function () {
          refreshing = null;
        });
        return refreshing;
      }
      if (!refreshing.next) {
        refreshing.next = refreshing.then(refresh);
      }
      return refreshing.next;
    }

    function round() {
      const before = levelsOf(state.store.bots);

      state.isReloading = true;
      draw();
      return loader.load().then(function () {
        const words = Screen.announcement(before, state, view.t);

        state.isReloading = false;
        if (words) {
          say(words);
        }
        draw();
        watchers.forEach(function (listener) {
          listener(state.store);
        });
        follow();
      });
    }

    /* Live only when there is something to follow. */
    function follow() {
      if (state.phase === 'ready' && !live) {
        live = Live(api, namespace, {
          version: function () {
            return state.store.account.version;
          },
          onChange: refresh,
          onLink: function (isLost) {
            state.isLinkLost = isLost;
            draw();
          }
        });
        live.start();
      } else if (state.phase === 'unauthorised' && live) {
        live.stop();
        live = null;
      }
    }

    function search(text) {
      const query = text.trim();

      if (query === state.query) {
        return;
      }
      state.query = query;
      const loading = loader.search();

      draw();
      loading.then(function () {
        draw();
        say(Screen.announcement({}, state, view.t));
      });
    }

    function clearSearch() {
      const $input = $root.find('[data-dgm-search]');

      window.clearTimeout(timers.search);
      $input.val('').trigger('focus');
      search('');
    }

    function guideKey() {
      return 'dgm-guide-hidden-' + state.store.account.account.id;
    }

    /* The browser may forbid storage: then the guide comes back next time, which harms nobody. */
    function hideGuide() {
      state.isGuideHidden = true;
      try {
        window.localStorage.setItem(guideKey(), '1');
      } catch (error) {
        state.isGuideHidden = true;
      }
      draw();
    }

    function recallGuide() {
      try {
        state.isGuideHidden = window.localStorage.getItem(guideKey()) === '1';
      } catch (error) {
        state.isGuideHidden = false;
      }
    }

    function listen() {
      const actions = Actions({
        ctx: ctx,
        state: state,
        loader: loader,
        draw: draw,
        refresh: refresh,
        say: say,
        after: after,
        clearSearch: clearSearch,
        hideGuide: hideGuide,
        isOpen: function () {
          return isOpen;
        }
      });

      $root.on('click' + namespace, '[data-dgm-action]', function () {
        const $button = $(this);

        if ($button.attr('aria-disabled') !== 'true') {
          actions[$button.attr('data-dgm-action')]($button);
        }
      });
      /* The whole row opens and closes, except where it has something of its own to press. */
      $root.on('click' + namespace, '[data-dgm-row]', function (event) {
        const isOwn = $(event.target).closest('a, button').length > 0;

        if (!isOwn && !String(window.getSelection())) {
          actions.toggle($(this));
        }
      });
      $root.on('input' + namespace, '[data-dgm-search]', function () {
        const input = this;

        after('search', SEARCH_PAUSE_S, function () {
          search(input.value);
        });
      });
      $root.on('keydown' + namespace, '[data-dgm-search]', function (event) {
        if (event.key === 'Escape' && this.value) {
          event.stopPropagation();
          clearSearch();
        } else if (event.key === 'Enter') {
          window.clearTimeout(timers.search);
          search(this.value);
        }
      });
      /* Escape in the groups of a bot folds them and goes back to the bot. */
      $root.on('keydown' + namespace, '[data-dgm-bot]', function (event) {
        const $toggle = $(this).find('[data-dgm-action="toggle"][aria-expanded="true"]');

        if (event.key === 'Escape' && $toggle.length) {
          $toggle.trigger('focus');
          actions.toggle($toggle);
        }
      });
      $root[0].addEventListener('error', pictureFailed, true);
      $(document).on('visibilitychange' + namespace, function () {
        if (!document.hidden && state.phase !== 'ready' && state.phase !== 'loading') {
          refresh();
        }
      });
    }

    /* Errors of pictures do not bubble, so they are caught on their way down; the initials show instead. */
    function pictureFailed(event) {
      const url = event.target.getAttribute('src');

      if (event.target.nodeName === 'IMG' && url && !state.brokenPictures[url]) {
        state.brokenPictures[url] = true;
        draw();
      }
    }

    function firstLook() {
      return refresh().then(function () {
        if (state.phase !== 'ready') {
          return;
        }
        recallGuide();
        if (state.store.bots.length === 1 && state.store.bots[0].groups.total) {
          state.openBot = state.store.bots[0].id;
          loader.loadPanel(state.openBot).then(draw);
        }
        draw();
        loader.loadPipelines();
      });
    }

    function start() {
      loadTemplates(view).then(function () {
        if (!isOpen) {
          return;
        }
        $root.html(view.draw('page/page', {}));
        listen();
        firstLook();
      }, function (failure) {
        if (isOpen) {
          $root.text(failure.message);
        }
      });
    }

    function stop() {
      isOpen = false;
      Dialog.closeAll();
      if (live) {
        live.stop();
      }
      api.close();
      Object.keys(timers).forEach(function (name) {
        window.clearTimeout(timers[name]);
      });
      watchers.clear();
      $(document).off('visibilitychange' + namespace);
      $root[0].removeEventListener('error', pictureFailed, true);
      $root.off(namespace).remove();
    }

    return { start: start, stop: stop };
  }

  let current = null;

  function close() {
    if (current) {
      current.stop();
      current = null;
    }
  }

  return {
    open: function (options) {
      close();
      current = Page(options.self, options.$root);
      current.start();
    },
    close: close
  };
});
