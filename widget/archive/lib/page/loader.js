/*
 * Asks the service for what the page shows and puts it into the state. Each kind of answer has a counter, so that one
 * which comes late, after a newer question, changes nothing.
 */
define(['jquery', './state.js'], function ($, State) {
  'use strict';

  const GROUPS_AT_ONCE = 20;
  const FOUND_AT_ONCE = 100;
  const MOST_AT_ONCE = 100;
  const TO_AUTHORISE = ['account_unknown', 'reauthorise'];

  return function Loader(api, state) {
    const asked = { account: 0, list: 0, panel: 0 };
    const store = state.store;

    /* A promise that is always kept: with the failure, or null. */
    function ended(promise, take) {
      return promise.then(function () {
        take.apply(null, arguments);
        return null;
      }, function (failure) {
        return $.Deferred().resolve(failure).promise();
      });
    }

    function newest(kind, take) {
      asked[kind] += 1;
      const mine = asked[kind];

      return function () {
        if (mine === asked[kind]) {
          take.apply(null, arguments);
        }
      };
    }

    function loadAccount() {
      return ended(api.get('/account'), newest('account', function (answer) {
        store.account = answer;
      }));
    }

    function byBot(groups) {
      const panels = {};

      groups.forEach(function (group) {
        const panel = panels[group.bot_id] || { phase: 'ready', items: [], total: 0 };

        panel.items.push(group);
        panels[group.bot_id] = panel;
      });
      return panels;
    }

    /* The bots; with a search, the groups that match it as well. */
    function loadList() {
      const query = state.query;
      const groups = query ? api.get('/groups', { q: query, limit: FOUND_AT_ONCE, offset: 0 }) : { groups: [], total: 0 };

      return ended($.when(api.get('/bots', query ? { q: query } : {}), groups), newest('list', function (bots, found) {
        store.bots = bots.bots;
        state.found = byBot(found.groups);
        state.foundGroups = found.total;
      }));
    }

    function hasBot(id) {
      return store.bots.some(function (bot) {
        return bot.id === id;
      });
    }

    /* The groups of the open bot, as many as are shown already. */
    function loadPanel(botId) {
      const shown = state.panels[botId] ? state.panels[botId].items.length : 0;
      const limit = Math.min(Math.max(shown, GROUPS_AT_ONCE), MOST_AT_ONCE);

      if (!state.panels[botId]) {
        state.panels[botId] = { phase: 'loading', items: [], total: 0 };
      }
      const take = newest('panel', function (answer) {
        state.panels[botId] = answer;
      });

      return api.get('/bots/' + botId + '/groups', { limit: limit, offset: 0 }).then(function (answer) {
        take({ phase: 'ready', items: answer.groups, total: answer.total });
        return null;
      }, function (failure) {
        take({ phase: 'failed', items: [], total: 0, error: failure });
        return $.Deferred().resolve(null).promise();
      });
    }

    /* The list goes away, and what was searched in it with it. */
    function turnTo(phase) {
      state.phase = phase;
      state.query = '';
      state.found = {};
    }

    function conclude(account, list) {
      /* What the service knows of the account is enough for a page that says how to go on. */
      const isTold = !account && store.account && list && list.code === 'reauthorise';
      const failure = account || (isTold ? null : list);

      state.error = failure;
      if (!failure) {
        state.phase = 'ready';
        state.isStale = false;
      } else if (TO_AUTHORISE.indexOf(failure.code) >= 0) {
        turnTo('unauthorised');
      } else if (state.phase === 'ready') {
        state.isStale = true;
      } else {
        turnTo('failed');
      }
    }

    return {
      /* Everything that is shown. The promise is always kept; what went wrong is in the state. The open bot may have
       * been deleted meanwhile: its groups are asked for when the list still has it. */
      load: function () {
        return $.when(loadAccount(), loadList()).then(function (account, list) {
          if (!state.query && !list && !hasBot(state.openBot)) {
            state.openBot = null;
          }
          return $.when(state.openBot && !list ? loadPanel(state.openBot) : null).then(function () {
            conclude(account, list);
          });
        });
      },

      /* The list for the words that are typed now. */
      search: function () {
        state.isSearching = true;
        state.folded = {};
        const query = state.query;

        return loadList().then(function (failure) {
          if (query === state.query) {
            state.isSearching = false;
            conclude(null, failure);
          }
        });
      },

      loadPanel: loadPanel,

      /* The next groups of a bot. */
      loadMore: function (bot) {
        const isFound = Boolean(state.query && bot.groups_found);
        const panels = isFound ? state.found : state.panels;
        const panel = panels[bot.id] || { phase: 'ready', items: [], total: bot.groups_found };
        const query = { limit: GROUPS_AT_ONCE, offset: panel.items.length };

        if (isFound) {
          query.q = state.query;
        }
        panels[bot.id] = panel;
        panel.isAdding = true;
        panel.error = null;
        return api.get('/bots/' + bot.id + '/groups', query).then(function (answer) {
          const known = panel.items.map(function (group) {
            return group.id;
          });

          panel.isAdding = false;
          panel.items = panel.items.concat(answer.groups.filter(function (group) {
            return known.indexOf(group.id) < 0;
          }));
          panel.total = answer.total;
        }, function (failure) {
          panel.isAdding = false;
          panel.error = failure;
          return $.Deferred().resolve(null).promise();
        });
      },

      loadPipelines: function () {
        return ended(api.get('/pipelines', {}, { isOnce: true }), function (answer) {
          store.pipelines = answer.pipelines;
        });
      },

      panelOf: function (bot) {
        return State.panelOf(state, bot);
      }
    };
  };
});
