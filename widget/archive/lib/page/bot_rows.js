/* The rows of the table: bots and, under an open one, its groups, as the template wants them. */
define(['./state.js', './highlight.js', './words.js'], function (State, highlight, words) {
  'use strict';

  const ACTIONS = {
    check: 'page.bot.check',
    take_back: 'page.bot.take_back',
    replace_token: 'page.bot.replace_token',
    choose_pipeline: 'page.bot.choose_pipeline'
  };
  /* What holds up the whole account stands above the table once, not under each bot. */
  const OF_ACCOUNT = ['lapsed', 'reauthorise', 'amocrm_trouble'];
  const DEAL_STATES = {
    won: { text: 'page.deal.won', level: 'ok' },
    lost: { text: 'page.deal.lost', level: 'neutral' },
    deleted: { text: 'page.deal.deleted', level: 'error' }
  };

  function pipelineOf(bot, t) {
    const pipeline = bot.pipeline;
    const name = pipeline.name || (pipeline.id ? '№ ' + pipeline.id : t('page.pipeline.main'));

    if (pipeline.state === 'deleted') {
      return { name: t('page.pipeline.deleted'), note: t('page.pipeline.choose_other'), isBad: true };
    }
    if (pipeline.state === 'archived') {
      return { name: name, note: t('page.pipeline.archived'), isBad: true };
    }
    return { name: name, note: '', isBad: false };
  }

  function groupsOf(bot, t) {
    const total = bot.groups.total;

    if (!total) {
      return { summary: t('page.bot.no_groups'), titles: '' };
    }
    const titles = bot.groups.titles.slice(0, 3);
    const rest = total - titles.length;
    const more = rest > 0 && titles.length ? [t.plural('page.bot.more_titles', rest)] : [];

    return {
      summary: t.plural('page.bot.groups', total) + ' · ' + t('page.bot.linked', { n: bot.groups.linked }),
      titles: titles.concat(more).join(', ')
    };
  }

  function dealOf(deal, group, t) {
    const state = DEAL_STATES[deal.state];

    return {
      id: deal.deal_id,
      topicId: deal.topic ? deal.topic.id : '',
      key: group.id + '-' + deal.deal_id + '-' + (deal.topic ? deal.topic.id : ''),
      name: deal.name || t('page.deal.unnamed', { id: deal.deal_id }),
      number: deal.name ? '№ ' + deal.deal_id : '',
      topic: deal.topic ? deal.topic.name || t('page.deal.topic', { id: deal.topic.id }) : '',
      state: state ? { text: t(state.text), level: state.level } : null
    };
  }

  /* A group that is well needs no words; one without a deal is not wrong, but worth seeing. */
  function groupStatusOf(group) {
    if (group.status.level !== 'ok') {
      return group.status;
    }
    return group.deals.length ? null : { level: 'neutral', title: group.status.title, details: [] };
  }

  function groupOf(group, state, t) {
    const status = groupStatusOf(group);

    return {
      id: group.id,
      title: highlight(group.title, state.query),
      name: group.title,
      kind: t(group.kind === 'supergroup' ? 'page.group.supergroup' : 'page.group.group'),
      role: group.state === 'administrator' ? t('page.group.administrator') : '',
      isGone: group.state === 'left',
      status: status,
      details: (status ? status.details : []).map(function (detail) {
        return detail.text;
      }),
      deals: group.deals.map(function (deal) {
        return dealOf(deal, group, t);
      })
    };
  }

  function panelOf(bot, state, t) {
    const panel = State.panelOf(state, bot);

    if (!panel) {
      return null;
    }
    const isFound = Boolean(state.query && bot.groups_found);
    const left = Math.max((isFound ? bot.groups_found : panel.total) - panel.items.length, 0);

    return {
      isLoading: panel.phase === 'loading',
      error: panel.error ? panel.error.message : '',
      isAdding: Boolean(panel.isAdding),
      isEmpty: panel.phase === 'ready' && !panel.items.length && !left,
      isFound: isFound,
      left: panel.phase === 'ready' && left ? t('page.group.more', { n: left }) : '',
      groups: panel.items.map(function (group) {
        return groupOf(group, state, t);
      })
    };
  }

  function detailOf(detail, bot, state, t, isAdmin) {
    const action = isAdmin && ACTIONS[detail.action] ? detail.action : null;

    return {
      code: detail.code,
      text: detail.text,
      action: action ? action.replace('_', '-') : null,
      actionText: action ? t(ACTIONS[action]) : '',
      isBusy: Boolean(state.busy[action + ':' + bot.id])
    };
  }

  function rowOf(bot, state, t, isAdmin) {
    const picture = bot.avatar_url && !state.brokenPictures[bot.avatar_url] ? bot.avatar_url : null;
    const panel = panelOf(bot, state, t);

    return {
      id: bot.id,
      name: bot.name,
      title: highlight(bot.name, state.query),
      username: highlight(bot.username ? '@' + bot.username : '', state.query.replace(/^@/, '')),
      link: bot.link,
      picture: picture,
      initials: words.initials(bot.name),
      tone: words.tone(bot.id),
      pipeline: pipelineOf(bot, t),
      groups: groupsOf(bot, t),
      status: bot.status,
      details: bot.status.details.filter(function (detail) {
        return OF_ACCOUNT.indexOf(detail.code) < 0;
      }).map(function (detail) {
        return detailOf(detail, bot, state, t, isAdmin);
      }),
      note: state.notes[bot.id] || null,
      invite: bot.invite_url,
      isOpen: Boolean(panel),
      panel: panel,
      isInviteCopied: state.copied === 'invite:' + bot.id,
      isGuideCopied: state.copied === 'guide:' + bot.id
    };
  }

  return function botRows(state, t) {
    const isAdmin = State.isAdmin(state);

    return state.store.bots.filter(function (bot) {
      return !state.onlyAttention || bot.status.level !== 'ok';
    }).map(function (bot) {
      return rowOf(bot, state, t, isAdmin);
    });
  };
});
