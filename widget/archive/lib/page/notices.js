/*
 * The banners above the list, from what is known of the account: payment, installation, rights, connection.
 *
 * A banner is {key, level, title, text, steps, done, total, links, actions} and flags: isUrgent (read out at once),
 * hasContacts, isQuiet, isClosable.
 */
define(['../config.js', './words.js'], function (config, words) {
  'use strict';

  const WARN_DAYS = 3;

  function paymentOf(answer, t) {
    const paid = answer.subscription;
    const until = words.day(paid.until, t.locale, answer.account.time_zone);
    const pay = config.payUrl ? [{ text: t('page.payment.pay'), href: config.payUrl, isMain: true }] : [];
    const isEnding = paid.is_ending || paid.days_left <= WARN_DAYS;
    const banner = { key: 'payment', links: pay };

    if (paid.state === 'lapsed') {
      return Object.assign(banner, {
        level: 'error',
        isUrgent: true,
        hasContacts: true,
        title: t('page.payment.lapsed', { until: until }),
        text: t('page.payment.lapsed_text', { kept: t.plural('page.days', paid.kept_days) })
      });
    }
    if (paid.state === 'active' && !isEnding) {
      return null;
    }
    const isTrial = paid.state === 'trial';
    const title = paid.days_left < 1
      ? t(isTrial ? 'page.payment.trial_today' : 'page.payment.active_today')
      : t.plural(isTrial ? 'page.payment.trial' : 'page.payment.active', paid.days_left, { until: until });

    return Object.assign(banner, isEnding
      ? { level: 'warning', title: title, text: t('page.payment.ending_text'), hasContacts: true }
      : { level: 'info', isQuiet: true, title: title });
  }

  /* What nobody paid for in time. It stays in Telegram, so people are told where to look. */
  function droppedOf(answer, t) {
    const paid = answer.subscription;

    return paid.dropped ? {
      key: 'dropped',
      level: 'warning',
      title: t.plural('page.payment.dropped', paid.dropped),
      text: t('page.payment.dropped_text', { kept: t.plural('page.days', paid.kept_days) })
    } : null;
  }

  function authoriseLink(url, isMain, t) {
    return url ? [{ text: t('page.setup.authorise'), href: url, isMain: isMain }] : [];
  }

  function setupOf(answer, t, busy, isAdmin) {
    const setup = answer.setup;
    const done = setup.steps.filter(function (step) {
      return step.state === 'done';
    }).length;
    const current = setup.steps.filter(function (step) {
      return step.state !== 'done';
    })[0];
    const details = { action: 'setup-steps', text: t('page.setup.details') };
    const retry = { action: 'retry-setup', text: t('page.retry'), isMain: true };

    if (setup.state === 'running') {
      return {
        key: 'setup',
        level: 'info',
        title: t('page.setup.running', { done: done, total: setup.steps.length }),
        text: current ? current.detail || current.title : '',
        done: done,
        total: setup.steps.length,
        actions: [details]
      };
    }
    const broken = setup.steps.filter(function (step) {
      return step.state === 'failed';
    });

    return {
      key: 'setup',
      level: 'error',
      isUrgent: true,
      hasContacts: true,
      title: t('page.setup.failed'),
      steps: broken.map(function (step) {
        return { title: step.title, text: step.detail || '' };
      }),
      actions: (isAdmin ? [Object.assign({ isBusy: Boolean(busy.setup) }, retry)] : []).concat(details),
      links: isAdmin ? authoriseLink(setup.authorise_url, false, t) : []
    };
  }

  /* What is wrong with the account itself: no access, removed, not paid to amoCRM. */
  function accountOf(answer, t, isAdmin) {
    const account = answer.account;
    const needsAccess = account.status === 'reauthorise';

    if (!account.trouble && !needsAccess) {
      return null;
    }
    return {
      key: 'account',
      level: 'error',
      isUrgent: true,
      hasContacts: true,
      title: needsAccess ? t('page.setup.no_access') : t('page.account_trouble'),
      text: account.trouble ? account.trouble.text : account.status_text,
      links: isAdmin ? authoriseLink(answer.setup.authorise_url, true, t) : []
    };
  }

  return function notices(state, t) {
    const answer = state.store.account;
    const isAdmin = Boolean(answer && answer.user.is_admin);
    const found = [];

    if (state.note) {
      found.push({
        key: 'note',
        level: state.note.level,
        isUrgent: true,
        title: state.note.text,
        hasContacts: state.note.level === 'error',
        isClosable: true
      });
    }
    if (state.isStale && state.error) {
      found.push({
        key: 'stale',
        level: 'warning',
        title: t('page.stale'),
        text: state.error.message,
        hasContacts: true,
        actions: [{ action: 'reload', text: t('page.retry'), isBusy: state.isReloading }]
      });
    } else if (state.isLinkLost) {
      found.push({ key: 'link', level: 'warning', title: t('page.link_lost') });
    }
    if (answer && state.phase === 'ready') {
      found.push(accountOf(answer, t, isAdmin));
      if (answer.setup.state !== 'done' && answer.account.status !== 'reauthorise') {
        found.push(setupOf(answer, t, state.busy, isAdmin));
      }
      found.push(paymentOf(answer, t), droppedOf(answer, t));
      if (!isAdmin) {
        found.push({ key: 'rights', level: 'neutral', title: t('page.read_only'), text: t('page.read_only_text') });
      }
    }
    return found.filter(Boolean);
  };
});
