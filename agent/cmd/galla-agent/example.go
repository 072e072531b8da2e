package main

// exampleConfig is shown by --help, and is a configuration that is read well; so it
// is with the comment mark before every key taken away, but for an e-paper's busy.
const exampleConfig = `  # Who this terminal is.
  merchant = "MERCHANTUAT"
  store    = "teststore1"
  terminal = "testterminal1"

  # Keys, token and what was not yet reported live here.
  data-dir = "/var/lib/galla-agent"

  # A terminal enrols once, with a code that the operator makes:
  #   galla-agent enroll --config FILE --code CODE --controller https://HOST
  # Only against a sandbox: enrol there by itself when data-dir has no keys.
  controller    = "http://127.0.0.1:8080"
  sandbox-enrol = true

  # Where the device's key is, if not in data-dir: PKCS #8, PEM, mode 0600. galla-agent
  # enroll makes one there if there is none, and the enrolment remembers it.
  # key-file = "/run/tpm/galla.key"

  # Instead of the brokers that the enrolment names.
  # brokers = ["mqtts://broker.example:8883"]

  # The words on the glass and the voice: "en" or "hi". Left out, what the store's
  # settings say.
  # language = "hi"

  [panel]
  kind = "st7789"        # 240x320; or ili9341, ili9488, ili9488-landscape, waveshare2in13v3
  spi  = "SPI0.0"
  dc   = "GPIO25"
  rst  = "GPIO27"        # leave out when tied to the supply
  bl   = "GPIO18"        # leave out when always on
  # busy = "GPIO24"      # e-paper only
  # max-speed-hz = 32000000
  # upside-down  = true

  # A second, small panel for the cashier: the status in words, never a QR.
  # [companion]
  # kind = "ssd1306"
  # spi  = "SPI0.1"
  # dc   = "GPIO24"
  # rst  = "GPIO17"

  # Buttons from these pins to ground, for a terminal that asks its cashier. Without
  # keys it takes what need not be asked, and no bill can be typed in.
  # [keys]
  # accept = "GPIO5"
  # reject = "GPIO6"
  # repeat = "GPIO3"       # or card, dqr, ok, clear, language, mute, test, 0 to 9

  # What a key means that is held for 3 s; this is so where the table is left out.
  # [keys.hold]
  # accept = "language"
  # reject = "test"
  # ok     = "repeat"
  # clear  = "mute"

  # A keypad for the numbers of bills: 123 456 789 *0#, where * clears and # is OK.
  # Pins that are left out here and below are those of the field guide.
  # [keypad]
  # rows = ["GPIO16", "GPIO20", "GPIO21", "GPIO26"]
  # cols = ["GPIO4", "GPIO2", "GPIO19"]

  # A LED, each pin through 330 ohms; name only the colours that it has.
  # [lamp]
  # red   = "GPIO22"
  # green = "GPIO23"
  # blue  = "GPIO13"
  # pwm            = true  # dim light; not every pin of every board can
  # active-low     = true  # the common leg is at 3.3 V
  # dark-when-idle = true

  # An active buzzer.
  # [buzzer]
  # pin = "GPIO12"
  # active-low = true      # it sounds while its pin is low

  # The voice, through ALSA. Without a sound card nothing is missing but the sound.
  # [sound]
  # device       = "default"        # as aplay -L names it
  # volume       = 80               # 0 to 100; the voice and the buzzer
  # quiet-hours  = "22:00-07:00"    # by the device's local clock
  # quiet-volume = 30
  # voice        = true             # false: tones alone
  # program      = "aplay"          # or another that plays a WAV as aplay -q - does

  # A certified card reader beside the terminal: a serial device or tcp://HOST:PORT.
  # Without one the terminal takes UPI, and refuses what allows nothing but a card.
  # [card]
  # reader = "/dev/ttyUSB0"
  # baud   = 115200`
