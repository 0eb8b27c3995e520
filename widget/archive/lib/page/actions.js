/*
 * What the buttons of the page do, by the name in data-dgm-action.
 *
 * Each is called with the pressed button; `page` offers {ctx, state, loader, draw, refresh, say, after}.
 */
define([
  'jquery',
  './clipboard.js',
  './state.js',
  '../dialogs/bot_add.js',
  '../dialogs/bot_edit.js',
  '../dialogs/bot_delete.js',
  '../dialogs/group_link.js',
  '../dialogs/group_unlink.js',
  '../dialogs/account_settings.js',
  '../dialogs/employees.js',
  '../dialogs/setup_steps.js'
], function ($, copy, State, BotAdd, BotEdit, BotDelete, GroupLink, GroupUnlink, AccountSettings, Employees, SetupSteps) {
  'use strict';

  const COPIED_S = 2;

  return function Actions(page) {
    const ctx = page.ctx;
    const state = page.state;
    const loader = page.loader;
    const t = ctx.view.t;

    function botAt($button) {
      const id = $button.closest('[data-dgm-bot]').attr('data-dgm-bot');

      return state.store.bots.filter(function (bot) {
        return String(bot.id) === id;
      })[0];
    }

    function groupAt($button) {
      const id = $button.closest('[data-dgm-group]').attr('data-dgm-group');
      const panel = State.panelOf(state, botAt($button));

      return panel.items.filter(function (group) {
        return String(group.id) === id;
      })[0];
    }

    function dealAt($button) {
      const $deal = $button.closest('[data-dgm-deal]');

      return groupAt($button).deals.filter(function (deal) {
        const topic = deal.topic ? String(deal.topic.id) : '';

        return String(deal.deal_id) === $deal.attr('data-dgm-deal') && topic === $deal.attr('data-dgm-topic');
      })[0];
    }

    /* A dialog ends with what it has changed; then the page shows it. */
    function dialog(module, argument) {
      module.open(ctx, argument).then(function (changed) {
        if (changed) {
          page.refresh();
        }
      });
    }

    function copied($button, text, mark) {
      copy(text, $button.parent()).then(function (isCopied) {
        if (!page.isOpen()) {
          return;
        }
        if (!isCopied) {
          page.say(t('page.copy_failed'));
          return;
        }
        state.copied = mark;
        page.draw();
        page.say(t('page.copied'));
        page.after('copied', COPIED_S, function () {
          state.copied = null;
          page.draw();
        });
      });
    }

    /* A change of one bot straight from its row; what comes of it stands in the row. */
    function ofBot(bot, name, path, done) {
      const busy = name + ':' + bot.id;

      if (state.busy[busy]) {
        return;
      }
      state.busy[busy] = true;
      delete state.notes[bot.id];
      page.draw();
      ctx.api.post('/bots/' + bot.id + path, {}).then(function (answer) {
        const isWell = answer.bot.status.level === 'ok';

        page.say(t('page.bot.became', { name: bot.name, status: answer.bot.status.title }));
        if (!isWell && done) {
          state.notes[bot.id] = { level: 'neutral', text: done };
        }
        return page.refresh();
      }, function (failure) {
        state.notes[bot.id] = { level: 'error', text: failure.message };
        return $.Deferred().resolve().promise();
      }).then(function () {
        delete state.busy[busy];
        page.draw();
      });
    }

    function open(bot) {
      state.openBot = bot.id;
      page.draw();
      loader.loadPanel(bot.id).then(page.draw);
    }

    const actions = {
      'add-bot': function () {
        dialog(BotAdd);
      },
      'edit-bot': function ($button) {
        dialog(BotEdit, { bot: botAt($button), section: null });
      },
      'replace-token': function ($button) {
        dialog(BotEdit, { bot: botAt($button), section: 'token' });
      },
      'choose-pipeline': function ($button) {
        dialog(BotEdit, { bot: botAt($button), section: 'pipeline' });
      },
      'delete-bot': function ($button) {
        dialog(BotDelete, { bot: botAt($button) });
      },
      'link-group': function ($button) {
        dialog(GroupLink, { group: groupAt($button) });
      },
      unlink: function ($button) {
        dialog(GroupUnlink, { group: groupAt($button), deal: dealAt($button) });
      },
      'account-settings': function () {
        dialog(AccountSettings);
      },
      employees: function () {
        dialog(Employees);
      },
      'setup-steps': function () {
        dialog(SetupSteps);
      },

      check: function ($button) {
        ofBot(botAt($button), 'check', '/check', t('page.bot.still'));
      },
      'take-back': function ($button) {
        ofBot(botAt($button), 'take_back', '/take-back', '');
      },
      'retry-setup': function () {
        if (state.busy.setup) {
          return;
        }
        state.busy.setup = true;
        state.note = null;
        page.draw();
        ctx.api.post('/setup/retry', {}).then(page.refresh, function (failure) {
          state.note = { level: 'error', text: failure.message };
          return $.Deferred().resolve().promise();
        }).then(function () {
          state.busy.setup = false;
          page.draw();
        });
      },

      toggle: function ($button) {
        const bot = botAt($button);
        const isFound = Boolean(state.query && bot.groups_found);

        if (isFound) {
          state.folded[bot.id] = !state.folded[bot.id];
          page.draw();
        } else if (state.openBot === bot.id) {
          state.openBot = null;
          page.draw();
        } else {
          open(bot);
        }
      },
      reopen: function ($button) {
        const bot = botAt($button);

        if (state.query && bot.groups_found) {
          actions['more-groups']($button);
        } else {
          delete state.panels[bot.id];
          open(bot);
        }
      },
      'more-groups': function ($button) {
        const bot = botAt($button);
        const panel = State.panelOf(state, bot);

        if (!panel.isAdding) {
          loader.loadMore(bot).then(page.draw);
          page.draw();
        }
      },

      attention: function () {
        state.onlyAttention = !state.onlyAttention;
        page.draw();
      },
      reload: function () {
        if (!state.isReloading) {
          page.refresh();
        }
      },
      'clear-search': function () {
        page.clearSearch();
      },
      'hide-guide': function () {
        page.hideGuide();
      },
      'close-note': function () {
        state.note = null;
        page.draw();
      },

      'copy-text': function ($button) {
        const text = $button.attr('data-dgm-copy');

        copied($button, text, text);
      },
      'copy-invite': function ($button) {
        const bot = botAt($button);

        copied($button, bot.invite_url, 'invite:' + bot.id);
      },
      'copy-guide': function ($button) {
        const bot = botAt($button);

        copied($button, t('page.invite.guide', { name: bot.name, url: bot.invite_url }), 'guide:' + bot.id);
      }
    };

    return actions;
  };
});
