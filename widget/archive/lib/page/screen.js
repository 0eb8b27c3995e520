/* What stands in each region of the page, from the state: templates and what they are given. */
define([
  '../config.js',
  './state.js',
  './words.js',
  './notices.js',
  './guide.js',
  './bot_rows.js'
], function (config, State, words, notices, guide, botRows) {
  'use strict';

  const SKELETON_ROWS = [1, 2, 3, 4];
  const CONTACTS = {
    email: config.supportEmail,
    phone: config.supportPhone,
    dial: config.supportPhone.replace(/[^+\d]/g, ''),
    manual: config.manualUrl,
    privacy: config.privacyUrl
  };

  function addHintOf(state, t) {
    const answer = state.store.account;

    if (!State.isAdmin(state)) {
      return t('page.admins_only');
    }
    const most = answer.limits && answer.limits.bots;

    return most && answer.counts.bots >= most ? t('page.too_many_bots', { n: most }) : '';
  }

  function matchesOf(state, t) {
    if (!state.query || state.isSearching) {
      return '';
    }
    if (!state.store.bots.length) {
      return t('page.search.nothing');
    }
    const bots = t.plural('page.search.bots', state.store.bots.length);
    const groups = state.foundGroups ? t.plural('page.search.groups', state.foundGroups) : '';

    return t('page.search.found', { what: [bots, groups].filter(Boolean).join(', ') });
  }

  function headerOf(state, t) {
    const counts = state.store.account.counts;

    return {
      region: 'header',
      template: 'page/header',
      params: {
        count: counts.bots,
        isAdmin: State.isAdmin(state),
        addHint: addHintOf(state, t)
      }
    };
  }

  function searchOf(state, t) {
    const counts = state.store.account.counts;

    return {
      region: 'search',
      template: counts.bots ? 'page/search' : null,
      params: {
        isSearching: state.isSearching,
        query: state.query,
        matches: matchesOf(state, t),
        attention: counts.attention || state.onlyAttention ? String(counts.attention) : '',
        onlyAttention: state.onlyAttention
      }
    };
  }

  function nothing(title, text, action, actionText) {
    return {
      region: 'content',
      template: 'page/nothing',
      params: { title: title, text: text, action: action, actionText: actionText }
    };
  }

  function contentOf(state, t) {
    if (!state.store.account.counts.bots) {
      return { region: 'content' };
    }
    const rows = botRows(state, t);

    if (rows.length) {
      return { region: 'content', template: 'page/bots', params: { bots: rows, isAdmin: State.isAdmin(state) } };
    }
    if (state.query) {
      return nothing(t('page.search.nothing'), t('page.search.nothing_text'), 'clear-search', t('page.search.clear'));
    }
    if (state.onlyAttention) {
      return nothing(t('page.attention_none'), t('page.attention_none_text'), 'attention', t('page.show_all'));
    }
    return { region: 'content' };
  }

  function footerOf(state, t) {
    const answer = state.store.account;
    const paid = answer.subscription;
    const isPaid = paid.state === 'active' && !paid.is_ending;
    const until = isPaid ? words.day(paid.until, t.locale, answer.account.time_zone) : '';

    return {
      region: 'footer',
      template: 'page/footer',
      params: { paid: isPaid ? t('page.payment.paid', { until: until }) : '', contacts: CONTACTS }
    };
  }

  function failureOf(state, t) {
    const failure = state.error;
    const isToAuthorise = state.phase === 'unauthorised';
    const url = isToAuthorise ? failure.authoriseUrl : null;

    return {
      region: 'content',
      template: 'page/failure',
      params: {
        state: state.phase,
        title: t(isToAuthorise ? 'page.setup.needed' : 'page.failed'),
        text: failure.message,
        hint: url ? t('page.setup.needed_text') : '',
        authoriseUrl: url,
        isReloading: state.isReloading,
        contacts: CONTACTS
      }
    };
  }

  function readyParts(state, t) {
    const steps = guide(state, t);

    return [
      headerOf(state, t),
      { region: 'notices', template: 'page/notices', params: { notices: notices(state, t), contacts: CONTACTS } },
      { region: 'guide', template: steps ? 'page/guide' : null, params: steps },
      searchOf(state, t),
      contentOf(state, t),
      footerOf(state, t)
    ];
  }

  return {
    parts: function (state, t) {
      const empty = ['header', 'notices', 'guide', 'search', 'footer'].map(function (region) {
        return { region: region };
      });

      if (state.phase === 'ready') {
        return readyParts(state, t);
      }
      if (state.phase === 'loading') {
        return empty.concat({ region: 'content', template: 'page/loading', params: { rows: SKELETON_ROWS } });
      }
      return empty.concat(failureOf(state, t));
    },

    /* What is read out when it changes: matches of a search, bots that need attention now or are well again. */
    announcement: function (before, state, t) {
      const said = state.query ? [matchesOf(state, t)] : [];

      state.store.bots.forEach(function (bot) {
        const level = before[bot.id];

        if (level && level !== bot.status.level) {
          said.push(t('page.bot.became', { name: bot.name, status: bot.status.title }));
        }
      });
      return said.filter(Boolean).join('. ');
    }
  };
});
