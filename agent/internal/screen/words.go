package screen

import "fmt"

// Lang is a language of the texts, an IETF tag.
type Lang string

// English is what every text has; it stands in for one that a language lacks.
const English Lang = "en"

// word names a text.
type word string

// The words. A new one needs a row in texts.
const (
	wName          word = "name"
	wStarting      word = "starting"
	wStepScreen    word = "step.screen"
	wStepNetwork   word = "step.network"
	wStepServer    word = "step.server"
	wJoining       word = "enrol.joining"
	wJoiningHint   word = "enrol.hint"
	wAddDevice     word = "enrol.add"
	wTypeCode      word = "enrol.code"
	wCodeValid     word = "enrol.valid"
	wNotJoined     word = "enrol.refused"
	wNoInternet    word = "offline.title"
	wNoQR          word = "offline.noqr"
	wOfflineFor    word = "offline.since"
	wNextTry       word = "offline.next"
	wTryingNow     word = "offline.trying"
	wOffline       word = "offline.badge"
	wOfflineQR     word = "offline.qr"
	wResultLate    word = "offline.late"
	wReady         word = "idle.ready"
	wReadyHint     word = "idle.hint"
	wLast          word = "idle.last"
	wScan          word = "presenting.scan"
	wChecking      word = "checking.title"
	wDoNotPayAgain word = "checking.warn"
	wCheckingHint  word = "checking.hint"
	wPaid          word = "paid.title"
	wReference     word = "paid.reference"
	wFailed        word = "failed.title"
	wNewQR         word = "result.newqr"
	wCode          word = "result.code"
	wExpired       word = "expired.title"
	wExpiredHint   word = "expired.hint"
	wCancelled     word = "cancelled.title"
	wOrder         word = "result.order"
	wFault         word = "fault.badge"
	wService       word = "fault.title"
	wServiceFix    word = "fault.fix"
	wReadyPull     word = "idle.pull"
	wNewBill       word = "prompt.title"
	wBill          word = "prompt.bill"
	wTakeIt        word = "prompt.hint"
	wAccept        word = "prompt.accept"
	wReject        word = "prompt.reject"
	wByQR          word = "choose.qr"
	wByCard        word = "choose.card"
	wTapCard       word = "card.title"
	wOnMachine     word = "card.hint"
	wPullTitle     word = "pull.title"
	wPullDigits    word = "pull.digits"
	wPullOK        word = "pull.ok"
	wPullClear     word = "pull.clear"
	wPullAsks      word = "pull.asks"
	wPullOther     word = "pull.other"
	wPullUnknown   word = "pull.unknown"
	wPullEnded     word = "pull.ended"
	wPullBusy      word = "pull.busy"
	wPullRefused   word = "pull.refused"
	wPullSilent    word = "pull.silent"
	wSecondsAgo    word = "ago.seconds"
	wMinutesAgo    word = "ago.minutes"
	wHoursAgo      word = "ago.hours"
	wUnknown       word = "unknown.title"
	wUnknownHint   word = "unknown.hint"
	wTest          word = "test"
	wWaiting       word = "waiting"
)

// texts is the table: one row a word, one column a language. %s is a value.
var texts = map[word]map[Lang]string{
	wName:          {English: "Galla"},
	wStarting:      {English: "Starting"},
	wStepScreen:    {English: "Screen"},
	wStepNetwork:   {English: "Network"},
	wStepServer:    {English: "Server"},
	wJoining:       {English: "Joining the shop"},
	wJoiningHint:   {English: "This takes a few seconds"},
	wAddDevice:     {English: "Add this device"},
	wTypeCode:      {English: "Type this code in the console"},
	wCodeValid:     {English: "Valid %s"},
	wNotJoined:     {English: "Not accepted, trying again"},
	wNoInternet:    {English: "No internet"},
	wNoQR:          {English: "No QR payments now"},
	wOfflineFor:    {English: "Offline for %s"},
	wNextTry:       {English: "Next try in %s"},
	wTryingNow:     {English: "Trying now"},
	wOffline:       {English: "Offline"},
	wOfflineQR:     {English: "Offline: QR valid"},
	wResultLate:    {English: "Result may be late"},
	wReady:         {English: "Ready"},
	wReadyHint:     {English: "for UPI payments"},
	wLast:          {English: "Last payment"},
	wScan:          {English: "Scan with any UPI app"},
	wChecking:      {English: "Checking with bank"},
	wDoNotPayAgain: {English: "Do not pay again"},
	wCheckingHint:  {English: "Please wait for the result"},
	wPaid:          {English: "PAID"},
	wReference:     {English: "UTR ends in %s"},
	wFailed:        {English: "Payment failed"},
	wNewQR:         {English: "Ask for a new QR"},
	wCode:          {English: "Code %s"},
	wExpired:       {English: "Time over"},
	wExpiredHint:   {English: "This QR has ended"},
	wCancelled:     {English: "Bill cancelled"},
	wOrder:         {English: "Order %s"},
	wFault:         {English: "Fault"},
	wService:       {English: "Needs service"},
	wServiceFix:    {English: "Switch off and on, then call support"},
	wReadyPull:     {English: "or type an order number"},
	wNewBill:       {English: "New bill"},
	wBill:          {English: "Bill %s"},
	wTakeIt:        {English: "Take this payment?"},
	wAccept:        {English: "Accept"},
	wReject:        {English: "Reject"},
	wByQR:          {English: "UPI QR"},
	wByCard:        {English: "Card"},
	wTapCard:       {English: "Tap, insert or swipe"},
	wOnMachine:     {English: "on the card machine"},
	wPullTitle:     {English: "Order number"},
	wPullDigits:    {English: "4 to 8 digits"},
	wPullOK:        {English: "OK: get the bill"},
	wPullClear:     {English: "Clear: delete a digit"},
	wPullAsks:      {English: "Looking for the order"},
	wPullOther:     {English: "Taken by %s, %s"},
	wPullUnknown:   {English: "No such order"},
	wPullEnded:     {English: "This order is over"},
	wPullBusy:      {English: "This terminal has a bill already"},
	wPullRefused:   {English: "Not possible"},
	wPullSilent:    {English: "No answer. Try again"},
	wSecondsAgo:    {English: "%s s ago"},
	wMinutesAgo:    {English: "%s min ago"},
	wHoursAgo:      {English: "%s h ago"},
	wUnknown:       {English: "Not confirmed"},
	wUnknownHint:   {English: "The bank has not answered. The till will know"},
	wTest:          {English: "TEST"},
	wWaiting:       {English: "+%s"},

	wRejected:     {English: "Rejected by the cashier"},
	wNotTaken:     {English: "Nobody took the bill in time"},
	wQRExpired:    {English: "The time to pay was over"},
	wByMerchant:   {English: "Cancelled at the till"},
	wSuperseded:   {English: "A newer bill replaced it"},
	wCardDeclined: {English: "Card declined"},
	wUPIDeclined:  {English: "Declined by the bank"},
	wNoKeys:       {English: "This terminal has no keys"},
	wNoReader:     {English: "No card machine here"},
	wNoPayMode:    {English: "It cannot be paid here"},
	wRefused:      {English: "The terminal could not take it"},
	wPaidOther:    {English: "Another amount was paid"},
	wUnpaid:       {English: "It was not paid"},
	wBadAmount:    {English: "The amount is not valid"},
	wBadQR:        {English: "The QR is not valid"},
	wQRDiffers:    {English: "QR and bill differ in amount"},
	wQRUnfit:      {English: "The QR is too dense for this display"},
	wPanelFault:   {English: "Display fault"},
	wPanelFix:     {English: "Check the display cable, then switch off and on"},
	wStorageFault: {English: "Memory fault"},
	wStorageFix:   {English: "Replace the memory card of this terminal"},
}

// say returns a text with its value, if it takes one.
func (l Lang) say(w word, value ...any) string {
	row := texts[w]
	s, ok := row[l]
	if !ok {
		s = row[English]
	}
	if len(value) == 0 {
		return s
	}
	return fmt.Sprintf(s, value...)
}
