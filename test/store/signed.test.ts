import { fakeOss, fakeS3 } from './support/fake-cloud.js';
import { storeSuite } from './support/store-suite.js';

storeSuite('s3 with checked signatures', fakeS3);
storeSuite('oss with checked signatures', fakeOss);
