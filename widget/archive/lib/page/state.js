/*
 * Everything the page knows while it is open.
 *
 * phase: 'loading' (nothing to show yet), 'ready', 'failed' (nothing could be loaded), 'unauthorised' (the account has
 * to be connected first). A `panel` is the list of a bot's groups: {phase, items, total, isAdding, error}.
 */
define([], function () {
  'use strict';

  return {
    create: function () {
      return {
        phase: 'loading',
        error: null,
        isStale: false,
        isLinkLost: false,
        isReloading: false,

        /* The last answers of the service; dialogs read them too. */
        store: { account: null, bots: [], pipelines: null },

        query: '',
        isSearching: false,
        found: {},
        foundGroups: 0,
        folded: {},
        onlyAttention: false,

        openBot: null,
        panels: {},

        /* What is being done, by a name such as 'check:17', and what came of it, by bot. */
        busy: {},
        notes: {},
        note: null,
        copied: null,
        isGuideHidden: false,
        brokenPictures: {}
      };
    },

    /* The groups that are shown under a bot, if any. */
    panelOf: function (state, bot) {
      if (state.query && bot.groups_found) {
        return state.folded[bot.id] ? null : state.found[bot.id] || { phase: 'ready', items: [], total: 0 };
      }
      return state.openBot === bot.id ? state.panels[bot.id] || { phase: 'loading', items: [], total: 0 } : null;
    },

    isAdmin: function (state) {
      return Boolean(state.store.account && state.store.account.user.is_admin);
    }
  };
});
