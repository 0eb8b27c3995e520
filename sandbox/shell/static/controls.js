/*
 * What amoCRM's scripts do with its controls, wherever they stand: handlers on the document that know them by class
 * (amoCRM widget §2.4). A widget that writes the same markup gets the same behaviour.
 */
'use strict';

define(['jquery'], function ($) {
  const OPENED = 'control--select--list-opened';
  const CHOSEN = 'control--select--list--item-selected';

  function listOf($select) {
    return $select.children('.control--select--list');
  }

  function close($lists) {
    $lists.removeClass(OPENED);
  }

  function choose($item) {
    const $select = $item.closest('.control--select');
    const $input = $select.children('.control--select--input');
    const value = String($item.attr('data-value') === undefined ? '' : $item.attr('data-value'));
    const text = $item.find('.control--select--list--item-inner').text();
    close(listOf($select));
    listOf($select).children(`.${CHOSEN}`).removeClass(CHOSEN);
    $item.addClass(CHOSEN);
    $select.find('.control--select--button-inner').first().text(text.trim());
    if ($input.val() === value) return;
    $input.attr('data-prev-value', $input.val()).val(value).trigger('change').trigger('controls:change');
  }

  function start(switches) {
    const $document = $(document);

    $document.on('click', '.control--select--button', function (event) {
      event.preventDefault();
      const $list = listOf($(this).closest('.control--select'));
      const isOpen = $list.hasClass(OPENED);
      close($(`.${OPENED}`));
      if (!isOpen && !$(this).is(':disabled')) $list.addClass(OPENED);
    });
    $document.on('click', '.control--select--list--item', function () {
      if (!$(this).hasClass('control--select--list--item-disabled')) choose($(this));
    });
    $document.on('click', function (event) {
      const $own = listOf($(event.target).closest('.control--select'));
      close($(`.${OPENED}`).not($own));
    });
    if (switches.select_keys) {
      $document.on('keydown', '.control--select--button', function (event) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const $items = listOf($(this).closest('.control--select')).children();
        const $next = $items.eq($items.index($items.filter(`.${CHOSEN}`)) + step);
        if ($next.length) choose($next);
      });
    }

    $document.on('change', '.control-checkbox input[type="checkbox"]', function () {
      $(this).closest('.control-checkbox').toggleClass('is-checked', this.checked);
    });
    $document.on('change', '.control-radio input[type="radio"]', function () {
      $(`input[type="radio"][name="${this.name}"]`).each(function () {
        $(this).closest('.control-radio').toggleClass('is-checked', this.checked);
      });
    });

    $document.on('button:save:enable', '.button-input', function () {
      $(this).removeClass('button-input-disabled button-input-saved').addClass('button-input_blue').prop('disabled', false);
    });
    $document.on('button:save:disable', '.button-input', function () {
      $(this).removeClass('button-input_blue').addClass('button-input-disabled');
    });
    $document.on('button:save:error', '.button-input', function () {
      $(this).removeClass('button-input-loading button-input-saved');
    });
    $document.on('button:load:start', '.button-input', function () {
      $(this).addClass('button-input-loading').attr('aria-busy', 'true');
    });
    $document.on('button:load:stop', '.button-input', function () {
      $(this).removeClass('button-input-loading').removeAttr('aria-busy');
    });
  }

  return { start };
});
