/*
 * The page «Интеграции» and a widget's settings window: fields out of the manifest, installing, saving, switching off
 * (documentation, "settings", "custom_settings"; amoCRM widget §1.7). Buttons are pressed by people only.
 */
'use strict';

define(['jquery', 'shell/report', 'shell/guard', 'shell/chrome', 'lib/components/base/modal'], function ($, { report }, guard, chrome, Modal) {
  const element = chrome.element;
  const OTHERS = [
    ['Сканер визиток', 'Контакты из фотографий'],
    ['Телефония «Линия»', 'Звонки из карточки'],
    ['Склад и остатки', 'Товары в сделке'],
    ['Опросы клиентов', 'Оценка после сделки'],
    ['Курьер рядом', 'Доставка из карточки'],
  ];

  function page(hands) {
    const { boot } = hands;
    const texts = boot.widget.langs.widget;
    const tile = element(
      'button',
      { type: 'button', class: 'widget-tile', 'data-code': boot.code },
      element('img', { class: 'widget-tile__logo', src: `${boot.widget.path}/images/logo_main.png`, alt: '' }),
      element('span', { class: 'widget-tile__name', text: texts.name }),
      element('span', { class: 'widget-tile__text', text: texts.short_description }),
      element('span', {
        class: `widget-tile__state widget-tile__state_${boot.widget.status}`,
        text: boot.widget.status === 'install' ? '' : 'Установлено',
      }),
    );
    tile.onclick = () => openWidget(hands);
    const grid = element('div', { class: 'widget-tiles' }, tile);
    for (const [name, text] of OTHERS) {
      grid.append(
        element(
          'div',
          { class: 'widget-tile widget-tile_other' },
          element('span', { class: 'widget-tile__logo widget-tile__logo_plain', text: name[0] }),
          element('span', { class: 'widget-tile__name', text: name }),
          element('span', { class: 'widget-tile__text', text }),
        ),
      );
    }
    return element(
      'div',
      { class: 'list' },
      element('div', { class: 'list__body-right__top' }, element('span', { class: 'list-top-nav__text-button', text: 'amoМаркет' })),
      grid,
    );
  }

  /** A window that is asked for before the widget's script is there opens when it is. */
  async function openWidget(hands) {
    const { boot } = hands;
    await hands.started();
    if (document.querySelector('.widget-settings__modal')) return undefined;
    const modal = new Modal({
      class_name: `widget-settings__modal ${boot.code}`,
      disable_enter_keydown: true,
      init($body) {
        guard.forbid($body.closest('.modal')[0]);
        const parts = build(hands, () => modal);
        guard.own(() => $body.trigger('modal:loaded').append(parts.root).trigger('modal:centrify'));
        guard.allow(parts.form);
        $body.closest('.modal')[0].shellParts = parts;
        hands.call('settings', $(parts.form), {});
        guard.own(() => $body.trigger('modal:centrify'));
      },
      destroy() {
        guard.forbid(this.$modal[0].shellParts.form);
      },
    });
    return modal;
  }

  function build(hands, modal) {
    const { boot } = hands;
    const { widget, code } = boot;
    const texts = widget.langs.widget;
    const form = element('div', { class: 'widget_settings_block' });
    const description = element('div', { class: 'widget_settings_block__descr' });
    description.innerHTML = texts.description || ''; // amoCRM shows the description's few links as links
    const fields = element('div', { class: 'widget_settings_block__fields', id: 'widget_settings__fields_wrapper' });
    for (const [name, about] of Object.entries(widget.manifest.settings || {})) fields.append(field(boot, name, about));
    const save = element(
      'button',
      {
        type: 'button',
        class: 'button-input button-input-disabled js-widget-save js-button-with-loader',
        id: `save_${code}`,
        'data-onsave-destroy-modal': 'true',
      },
      element('span', { class: 'button-input-inner' }, element('span', { class: 'button-input-inner__text', text: 'Сохранить' })),
    );
    const bottom = element('div', { class: 'widget_settings_block__controls widget_settings_block__controls_top' }, save);
    form.append(description, fields);
    form.append(bottom);
    const plate = element('div', { class: 'widget-settings__command-plate' });
    const base = element(
      'div',
      { class: 'widget-settings__base-space' },
      element(
        'div',
        { class: 'widget_main_info' },
        element('img', { class: 'widget_main_info__logo', src: `${widget.path}/images/logo_main.png`, alt: '' }),
        element('h2', { class: 'widget_main_info__title', text: texts.name }),
        element('p', { class: 'widget_main_info__text', text: texts.short_description }),
      ),
      plate,
      element(
        'div',
        { class: 'widget-settings__additional-block' },
        element('div', { class: 'widget-settings__rating', text: '★★★★★' }),
        element('span', { class: 'widget-settings__reviews', text: 'Отзывы (12)' }),
        element('a', { class: 'widget-settings__support', href: supportOf(widget), target: '_blank', rel: 'noreferrer', text: 'Поддержка' }),
      ),
    );
    const root = element(
      'div',
      { class: 'widget-settings' },
      element('button', { type: 'button', class: 'modal-body__close', 'aria-label': 'Закрыть' }, element('span', { class: 'icon icon-modal-close' })),
      base,
      element('div', { class: 'widget-settings__desc-space' }, form),
    );
    const parts = { root, form, fields, save, plate };
    const redraw = () => guard.own(() => drawPlate(hands, parts, modal));
    parts.redraw = redraw;
    redraw();
    $(fields).on('change input', 'input, textarea', () => {
      if (boot.widget.status !== 'install') $(save).trigger('button:save:enable');
    });
    save.onclick = (event) => {
      if (!isTrusted(event, 'save') || save.classList.contains('button-input-disabled')) return;
      keep(hands, parts, modal());
    };
    return parts;
  }

  function supportOf(widget) {
    const { support } = widget.manifest.widget;
    return (support && (support.link || (support.email && `mailto:${support.email}`))) || '#';
  }

  function field(boot, name, about) {
    const { langs, fields } = boot.widget;
    const title = about.name.split('.').reduce((found, key) => found && found[key], langs) || about.name;
    const value = fields[name] === undefined ? '' : fields[name];
    const isCustom = about.type === 'custom';
    const id = isCustom ? `${boot.code}_custom` : `${boot.code}_${name}`;
    const input = element('input', {
      class: `widget_settings_block__controls__ text-input${isCustom ? ' widget_settings_block__custom' : ''}`,
      type: isCustom ? 'hidden' : about.type === 'pass' ? 'password' : 'text',
      name,
      id,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      autocomplete: 'off',
    });
    return element(
      'div',
      { class: `widget_settings_block__item_field${isCustom ? ' widget_settings_block__item_field_custom' : ''}` },
      isCustom
        ? null
        : element('label', { class: 'widget_settings_block__title_field', for: id, title, text: `${title}:` }),
      element(
        'div',
        { class: 'widget_settings_block__input_field' },
        isCustom ? element('div', { id: `${boot.code}_custom_content` }) : null,
        input,
      ),
    );
  }

  function drawPlate(hands, parts, modal) {
    const { boot } = hands;
    const isInstalled = boot.widget.status !== 'install';
    const status = element('span', { class: 'widget-settings__status', text: isInstalled ? 'Установлено' : 'Не установлено' });
    const button = element(
      'button',
      {
        type: 'button',
        class: `button-input ${isInstalled ? 'js-widget-uninstall' : 'button-input_blue js-widget-install'}`,
        disabled: !boot.user.is_admin,
      },
      element('span', { class: 'button-input-inner' }, element('span', { class: 'button-input-inner__text', text: isInstalled ? 'Отключить' : 'Установить' })),
    );
    button.onclick = (event) => {
      if (!isTrusted(event, isInstalled ? 'uninstall' : 'install')) return;
      if (isInstalled) switchOff(hands, parts, modal());
      else install(hands, parts, modal());
    };
    parts.plate.replaceChildren(status, button);
    if (isInstalled) {
      const link = element('a', { class: 'widget-settings__advanced js-navigate-link', href: `/settings/widgets/${boot.code}/`, text: 'Открыть настройки' });
      parts.plate.append(link);
    }
    parts.save.hidden = !isInstalled;
  }

  /** Only a person's press counts: moderation forbids virtual clicks (rule J9). */
  function isTrusted(event, name) {
    if (event.isTrusted) return true;
    report('click', `a virtual click on .js-widget-${name}`);
    return false;
  }

  function values(parts) {
    const found = {};
    for (const input of parts.fields.querySelectorAll('input[name].widget_settings_block__controls__')) found[input.name] = input.value;
    return found;
  }

  /** Whether `onSave` agrees; `true` or a promise that does not fail and is not false. */
  async function agrees(hands, event) {
    const answer = hands.call('onSave', event);
    if (answer === undefined) report('callback', 'onSave has returned nothing: true or a promise is expected');
    try {
      return (await answer) === undefined ? answer !== undefined : (await answer) !== false;
    } catch (error) {
      return false;
    }
  }

  function checkFields(boot, fields) {
    for (const [name, about] of Object.entries(boot.widget.manifest.settings || {})) {
      if (about.type !== 'custom' || fields[name] === undefined || fields[name] === '') continue;
      try {
        JSON.parse(fields[name]);
      } catch (error) {
        report('custom', `${name} keeps JSON or a number only, not ${JSON.stringify(fields[name])}`);
      }
    }
  }

  async function install(hands, parts, modal) {
    const { boot } = hands;
    const evt = { active: 'Y', fields: values(parts) };
    let isRight = false;
    guard.own(() => $(parts.plate).find('.button-input').trigger('button:load:start'));
    if (boot.switches.save_before_oauth) {
      isRight = await agrees(hands, evt);
      if (isRight) await act(hands, 'install');
    } else {
      await act(hands, 'install');
      isRight = await agrees(hands, evt);
    }
    if (isRight) {
      checkFields(boot, evt.fields);
      await act(hands, 'save', evt.fields);
      if (hands.widget.callbacks.onInstall) hands.call('onInstall');
    }
    done(hands, parts, modal, isRight);
  }

  async function keep(hands, parts, modal) {
    const evt = { active: 'Y', fields: values(parts) };
    guard.own(() => $(parts.save).trigger('button:load:start'));
    const isRight = await agrees(hands, evt);
    if (isRight) {
      checkFields(hands.boot, evt.fields);
      await act(hands, 'save', evt.fields);
    }
    guard.own(() => {
      $(parts.save).trigger('button:load:stop').trigger(isRight ? 'button:save:disable' : 'button:save:error');
      parts.save.classList.toggle('button-input-saved', isRight);
    });
    done(hands, parts, modal, isRight);
  }

  function done(hands, parts, modal, isRight) {
    hands.redrawMenu();
    if (modal.isGone) return;
    parts.redraw();
    if (!isRight && hands.boot.switches.on_save_rejection === 'closed') modal.destroy();
  }

  async function switchOff(hands, parts, modal) {
    const isRight = await agrees(hands, { active: 'N', fields: values(parts) });
    if (!isRight) return;
    hands.stop();
    await act(hands, 'uninstall');
    hands.redrawMenu();
    modal.destroy('page');
    hands.go('/settings/widgets/');
  }

  async function act(hands, action, fields) {
    const { boot } = hands;
    const answer = await hands.post('/ajax/shell/act', { action, fields: fields || {}, user: boot.user.id });
    boot.widget.status = answer.status;
    if (fields) boot.widget.fields = fields;
  }

  return { page, openWidget };
});
