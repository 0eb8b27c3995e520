/*
 * The first steps, from «create a bot» to «link a group», each done or not as the account stands now. The guide ends
 * when a group is linked, or when the person puts it away.
 */
define(['./state.js'], function (State) {
  'use strict';

  const ORDER = ['create', 'connect', 'privacy', 'invite', 'link'];
  const BOT_FATHER = 'https://t.me/BotFather';
  const COMMANDS = { create: '/newbot', privacy: '/setprivacy', link: '/menu' };
  const HINDRANCES = ['privacy_mode', 'cannot_join_groups'];

  function seesGroups(bot) {
    return !bot.status.details.some(function (detail) {
      return HINDRANCES.indexOf(detail.code) >= 0;
    });
  }

  function textsOf(t) {
    return {
      create: { title: t('page.guide.create'), texts: [t('page.guide.create_text'), t('page.guide.create_token')] },
      connect: { title: t('page.guide.connect'), texts: [t('page.guide.connect_text')] },
      privacy: { title: t('page.guide.privacy'), texts: [t('page.guide.privacy_text'), t('page.guide.privacy_again')] },
      invite: { title: t('page.guide.invite'), texts: [t('page.guide.invite_text')] },
      link: { title: t('page.guide.link'), texts: [t('page.guide.link_text')] }
    };
  }

  function linkOf(name, bot, t) {
    if (name === 'create' || name === 'privacy') {
      return { href: BOT_FATHER, text: t('page.guide.open_botfather') };
    }
    return name === 'invite' && bot && bot.invite_url ? { href: bot.invite_url, text: t('page.invite.open') } : null;
  }

  /* What the template wants, or null when there is nothing left to guide to. */
  return function guide(state, t) {
    const counts = state.store.account.counts;
    const bots = state.store.bots;
    const isFirst = counts.bots === 0;
    const isAdmin = State.isAdmin(state);

    if (counts.linked_groups > 0 || !isFirst && (state.isGuideHidden || state.query || state.onlyAttention)) {
      return null;
    }
    const isDone = {
      create: !isFirst,
      connect: !isFirst,
      privacy: !isFirst && bots.some(seesGroups),
      invite: counts.groups > 0,
      link: false
    };
    const current = ORDER.filter(function (name) {
      return !isDone[name];
    })[0];
    const bot = bots.filter(seesGroups)[0] || bots[0] || null;
    const texts = textsOf(t);

    return {
      isFirst: isFirst,
      steps: ORDER.map(function (name, index) {
        return {
          name: name,
          number: index + 1,
          title: texts[name].title,
          texts: texts[name].texts,
          isDone: isDone[name],
          isCurrent: name === current,
          isShown: isFirst || !isDone[name],
          isMain: name === current && name === 'invite',
          link: linkOf(name, bot, t),
          copy: COMMANDS[name] || '',
          isCopied: Boolean(COMMANDS[name]) && state.copied === COMMANDS[name],
          canAdd: name === 'connect' && isAdmin && !isDone.connect,
          onlyAdmins: name === 'connect' && !isAdmin
        };
      })
    };
  };
});
