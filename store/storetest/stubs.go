package storetest
var assignTests, supersedeTests, correlateTests, attributeTests, settleTests, ledgerTests, readTests, refuseTests, concurrentTests []namedTest
