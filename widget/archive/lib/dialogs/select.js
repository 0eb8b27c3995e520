/**
 * amoCRM's select inside our dialogs: its own markup, so that the system's handlers open it and choose from it, with what
 * it lacks for the keyboard and for screen readers. The value lives in the hidden input, as everywhere in amoCRM.
 */
define(['jquery'], function ($) {
  'use strict';

  const SPACE = '.dgm-select';
  const OPENED = 'control--select--list-opened';
  const CHOSEN = 'control--select--list--item-selected';

  /**
   * Put a select in place.
   *
   * @param {Dialog} dialog
   * @param {jQuery} $slot what it is put into
   * @param {Object} options name; label: id of the label; items [{id, title, disabled}]; selected; placeholder: shown
   *   while nothing that is offered is chosen; disabled; describedby; changed(value)
   * @returns promise of {value(), setItems(items, selected), choose(value), focus()}
   */
  function mount(dialog, $slot, options) {
    const ready = $.Deferred();

    function value() {
      return $slot.find('.control--select--input').val();
    }

    function choose(wanted) {
      $slot.find('.control--select--list--item').filter(function () {
        return $(this).attr('data-value') === String(wanted);
      }).trigger('click');
    }

    function draw(items, selected) {
      const chosen = items.filter(function (item) {
        return String(item.id) === String(selected);
      })[0];
      const params = {
        uid: dialog.uid + '-' + options.name,
        name: options.name,
        label: options.label,
        items: items.map(function (item) {
          return { id: item.id, title: item.title, isChosen: item === chosen };
        }),
        selected: chosen ? String(chosen.id) : '',
        shown: chosen ? chosen.title : options.placeholder || '',
        isEmpty: !chosen,
        disabled: Boolean(options.disabled),
        describedby: options.describedby || ''
      };
      return dialog.when(dialog.ctx.view.render('dialogs/select', params)).then(function (html) {
        $slot.html(html);
      });
    }

    function tell() {
      const now = value();
      const $items = $slot.find('.control--select--list--item');
      $items.each(function () {
        $(this).attr('aria-selected', String($(this).attr('data-value') === now));
      });
      $slot.find('.dgm-select').removeClass('dgm-select_empty');
      markOpened();
      if (options.changed) {
        options.changed(now);
      }
    }

    function isOpened() {
      return $slot.find('.control--select--list').hasClass(OPENED);
    }

    function markOpened() {
      setTimeout(function () {
        $slot.find('.control--select--button').attr('aria-expanded', String(isOpened()));
      }, 0);
    }

    function step(by) {
      const $items = $slot.find('.control--select--list--item').not('[aria-disabled="true"]');
      const at = $items.index($items.filter('.' + CHOSEN).first());
      const next = Math.max(0, Math.min($items.length - 1, at < 0 ? (by > 0 ? 0 : $items.length - 1) : at + by));
      const wasOpened = isOpened();
      if (next !== at) {
        choose($items.eq(next).attr('data-value'));
      }
      if (wasOpened && !isOpened()) {
        $slot.find('.control--select--button').trigger('click');
      }
    }

    function shut() {
      $slot.find('.control--select--list').removeClass(OPENED);
      markOpened();
    }

    function pressed(event) {
      const steps = { ArrowDown: 1, ArrowUp: -1, Home: -1000, End: 1000 };
      if (Object.prototype.hasOwnProperty.call(steps, event.key)) {
        event.preventDefault();
        event.stopPropagation();
        step(steps[event.key]);
      } else if (isOpened() && (event.key === 'Escape' || event.key === 'Enter' || event.key === ' ')) {
        event.preventDefault();
        event.stopPropagation();
        shut();
      } else if (isOpened() && event.key === 'Tab') {
        shut();
      }
    }

    $slot.off(SPACE);
    $slot.on('change' + SPACE + ' controls:change' + SPACE, '.control--select--input', tell);
    $slot.on('click' + SPACE, markOpened);
    $slot.on('keydown' + SPACE, '.control--select--button', pressed);
    $slot.on('focusout' + SPACE, markOpened);
    dialog.atEnd(function () {
      $slot.off(SPACE);
    });

    draw(options.items, options.selected).then(function () {
      ready.resolve({
        value: value,
        choose: choose,
        setItems: draw,
        focus: function () {
          $slot.find('.control--select--button').trigger('focus');
        }
      });
    });
    return ready.promise();
  }

  return { mount: mount };
});
