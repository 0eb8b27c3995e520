/* Addresses and ids of this installation; written when the archive is built. */
define([], function () {
  'use strict';

  return {
    apiUrl: 'https://dealgram.example/api/v1',
    informerUrl: 'https://dealgram.example/widget_controller/informer',
    widgetName: 'dealgram',
    enumId: '0',
    supportEmail: 'support@dealgram.example',
    supportPhone: '+7 000 000-00-00',
    supportUrl: 'https://dealgram.example/support',
    priceUrl: 'https://dealgram.example/price',
    payUrl: 'https://dealgram.example/pay',
    privacyUrl: 'https://dealgram.example/privacy',
    manualUrl: 'https://dealgram.example/manual'
  };
});
