/*
 * The sandbox page: Telegram, amoCRM and the service's actors side by side. Composes the panes and the event stream.
 *
 * data-testid, for tests (ids in angle brackets are those of the simulators):
 *   page       tab-telegram tab-amocrm tab-actors · pane-telegram pane-amocrm pane-actors · link-state[data-state=online|offline]
 *              toast[data-kind=info|error|telegram] · guide-open guide-close guide-done · dialog-close
 *   Telegram   person-<id>[data-name] · chats · chat-<key>[data-title] (private p<bot>:<person>, group g<chat>) · chat-title ·
 *              messages · message[data-message][data-from][data-own] > message-text · service-message · keyboard · inline-button ·
 *              reply · reply-bar · reply-cancel · telegram-input · telegram-send · menu-command · deal-link[data-deal] · command ·
 *              block-bot · new-group, new-group-dialog: new-group-title new-group-member-<id> new-group-supergroup new-group-create ·
 *              manage-group, group-dialog: member-<id> promote-<id> remove-<id> add-member-<id> upgrade-group
 *              botfather-open, botfather-dialog: new-bot-name new-bot-username new-bot-create · bot-<id>[data-username] > bot-token token-copy
 *              bot-privacy bot-revoke
 *   amoCRM     settings-open settings-frame settings-close settings-out settings-off · guide-settings
 *              account account-name pipeline · deals · deal-<id>[data-name] · unsorted: unsorted-item unsorted-accept unsorted-decline ·
 *              deal-card: deal-name deal-id copy-deal-id deal-actions stage contacts contact-<id> · feed · feed-item[data-role=client|manager|bot][data-author][data-status]
 *              [data-conversation] > feed-text feed-error feed-reply · feed-note · chat-select manager-select amo-input amo-send ·
 *              new-deal, new-deal-dialog: new-deal-name new-deal-pipeline new-deal-create
 *              deal-actions-dialog: deal-won deal-lost deal-open deal-deleted · move-pipeline deal-move · merge-with deal-merge
 *              account-open, account-dialog: section-deals section-contacts section-pipelines section-hooks account-section ·
 *              account-deal-<id> > account-deal-restored account-deal-deleted · contact-<id> > contact-deleted contact-restored ·
 *              merge-contact-keep merge-contact-other contact-merge · pipeline-<id> > pipeline-archive · source-<id> > source-delete ·
 *              account-installation account-paid · webhook-<host> · hook-<number>
 *   actors     health-state · health-silent · health-summary: health-all health-running health-backing_off health-failed ·
 *              actor-filter actor-count · actors-table: actor[data-address][data-state], actor-error
 */

import { createActors } from './actors.js';
import { createAmo } from './amocrm.js';
import { createGuide } from './guide.js';
import { connect } from './store.js';
import { createTelegram } from './telegram.js';

const panes = document.getElementById('panes');
const tabs = [...document.querySelectorAll('[role="tab"]')];

function showPane(name) {
  panes.dataset.pane = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.pane === name;
    tab.setAttribute('aria-selected', String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
}

tabs.forEach((tab, index) => {
  tab.addEventListener('click', () => showPane(tab.dataset.pane));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    showPane(next.dataset.pane);
    next.focus();
  });
});

createTelegram(document.getElementById('telegram'));
createAmo(document.getElementById('amocrm'), showPane);
createActors(document.getElementById('actors'));
createGuide(document.getElementById('guide'), document.getElementById('guide-open'));
showPane('telegram');

const linkState = document.getElementById('link-state');
connect((state) => {
  linkState.dataset.state = state;
  linkState.textContent = state === 'online' ? 'На связи' : 'Переподключаемся…';
});
