define(['jquery'], function ($) {
  'use strict';

  return {
    api: '%API%',
    style: function (self) {
      const href = self.params.path + '/style.css?v=' + self.get_version();

      if (!$('link[href="' + href + '"]').length) {
        $('<link>', { rel: 'stylesheet', href: href }).appendTo('head');
      }
    }
  };
});
