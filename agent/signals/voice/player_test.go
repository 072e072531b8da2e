package voice

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
)

// card is a sound card that a script plays on: it keeps what it was told and what
// it got.
type card struct {
	t   *testing.T
	dir string
	log *logged
}

// logged is a log that several goroutines write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newCard(t *testing.T) *card { return &card{t: t, dir: t.TempDir(), log: &logged{}} }

// program writes a shell script, and is its path.
func (c *card) program(script string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, "aplay")
	text := "#!/bin/sh\nDIR='" + c.dir + "'\n" + script + "\n"
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// recorder keeps a numbered file of each play, and appends to "played" when it is
// whole.
const recorder = `n=$(cat "$DIR/played" 2>/dev/null | wc -l)
cat > "$DIR/$n.wav"
echo "$@" >> "$DIR/played"`

func (c *card) player(cfg PlayerConfig, grace time.Duration) *Player {
	cfg.Log = slog.New(slog.NewTextHandler(c.log, nil))
	p := newPlayer(cfg, grace)
	c.t.Cleanup(p.Close)
	return p
}

// eventually waits until something is so.
func (c *card) eventually(what string, is func() bool) {
	c.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(20 * time.Second)
	for !is() {
		select {
		case <-ticker.C:
		case <-limit:
			c.t.Fatalf("never: %s\nlog: %s", what, c.log)
		}
	}
}

// played are the arguments of each play that is over.
func (c *card) played() []string {
	text, err := os.ReadFile(filepath.Join(c.dir, "played"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func (c *card) wav(n string) []byte {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, n+".wav"))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func received(p protocol.Paise) signals.Sound {
	return signals.Sound{Tone: signals.Tones()[2], Speech: signals.Speech{Language: "en", Said: signals.SaidReceived, AmountPaise: p}}
}

func said(s signals.Said) signals.Sound {
	return signals.Sound{Speech: signals.Speech{Language: "en", Said: s}}
}

// TestPlayerHandsTheWAVOver: aplay -q -, and all of the sound on its input.
func TestPlayerHandsTheWAVOver(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		cfg  PlayerConfig
		args string
		want signals.Sound
	}{
		"beside a buzzer":   {PlayerConfig{}, "-q -", signals.Sound{Speech: received(245_00).Speech}},
		"without a buzzer":  {PlayerConfig{Tones: true}, "-q -", received(245_00)},
		"on a certain card": {PlayerConfig{Tones: true, Device: "plughw:1,0"}, "-q -D plughw:1,0 -", received(245_00)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCard(t)
			row.cfg.Program = c.program(recorder)
			p := c.player(row.cfg, time.Minute)
			p.Play(received(245_00), 70)
			c.eventually("it is played", func() bool { return len(c.played()) == 1 })
			if got := c.played()[0]; got != row.args {
				t.Errorf("aplay %s", got)
			}
			if !bytes.Equal(c.wav("0"), must(WAV(row.want, 70))) {
				t.Error("it got another sound")
			}
			if p.Fault() != nil || c.log.String() != "" {
				t.Errorf("fault %v, log %s", p.Fault(), c.log)
			}
		})
	}
}

// TestOneAtATime: and what tells how a payment ended is all played, in order,
// however much comes while another is played; of the rest the newest.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(`if ! mkdir "$DIR/playing"; then echo two at once >> "$DIR/wrong"; fi
while [ ! -e "$DIR/go" ]; do sleep 0.01; done
` + recorder + `
rmdir "$DIR/playing"`)}, time.Minute)
	p.Play(said(signals.SaidSoundTest), 100)
	c.eventually("the first begins", func() bool { _, err := os.Stat(filepath.Join(c.dir, "playing")); return err == nil })
	var want [][]byte
	for i := range protocol.Paise(12) {
		money := signals.Sound{Speech: received(100 + i).Speech}
		p.Play(money, 100)
		p.Play(said(signals.SaidNoInternet), 100)
		want = append(want, must(WAV(money, 100)))
	}
	p.Play(said(signals.SaidFailed), 100)
	p.Play(said(signals.SaidVoiceOn), 100)
	p.Play(said(signals.SaidFailed), 100) // leaves what waits
	want = append([][]byte{must(WAV(said(signals.SaidSoundTest), 100))}, want...)
	want = append(want, must(WAV(said(signals.SaidFailed), 100)), must(WAV(said(signals.SaidVoiceOn), 100)), must(WAV(said(signals.SaidFailed), 100)))
	if err := os.WriteFile(filepath.Join(c.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.eventually("all are played", func() bool { return len(c.played()) >= len(want) })
	p.Close()
	if got := len(c.played()); got != len(want) {
		t.Errorf("%d were played, want %d", got, len(want))
	}
	for i, wav := range want {
		if !bytes.Equal(c.wav(strconv.Itoa(i)), wav) {
			t.Errorf("number %d is another", i)
		}
	}
	if wrong, err := os.ReadFile(filepath.Join(c.dir, "wrong")); err == nil {
		t.Errorf("%s", wrong)
	}
}

// TestWhatIsNotPlayed: what is muted, silent, or a tone where a buzzer is.
func TestWhatIsNotPlayed(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(recorder)}, time.Minute)
	silenced := received(100)
	silenced.Speech.Muted = true
	p.Play(silenced, 100)
	p.Play(received(100), 0)
	p.Play(signals.Sound{Tone: signals.Tones()[0]}, 100)
	p.Play(signals.Sound{}, 100)
	p.Play(signals.Sound{Speech: signals.Speech{Said: signals.SaidReceived}}, 100)
	p.Play(said(signals.SaidFailed), 100)
	c.eventually("the one is played", func() bool { return len(c.played()) == 1 })
	if !bytes.Equal(c.wav("0"), must(WAV(said(signals.SaidFailed), 100))) {
		t.Error("another one was played")
	}
}

// TestMutedWithoutABuzzer: the tone is played, the voice is not.
func TestMutedWithoutABuzzer(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(recorder), Tones: true}, time.Minute)
	silenced := received(100)
	silenced.Speech.Muted = true
	p.Play(silenced, 100)
	c.eventually("it is played", func() bool { return len(c.played()) == 1 })
	if !bytes.Equal(c.wav("0"), must(WAV(signals.Sound{Tone: signals.Tones()[2]}, 100))) {
		t.Error("the voice was played, or nothing")
	}
}

// TestAProgramThatHangs is ended, with what it started; the next sound is played.
func TestAProgramThatHangs(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(`if [ -e "$DIR/well" ]; then
` + recorder + `
else
trap '' TERM
touch "$DIR/well"
sleep 600
fi`)}, 100*time.Millisecond)
	p.Play(said(signals.SaidFailed), 100)
	p.Play(received(100), 100)
	c.eventually("the second is played", func() bool { return len(c.played()) == 1 })
	if got := c.log.String(); strings.Count(got, "the terminal has no sound") != 1 || !strings.Contains(got, "did not end within") {
		t.Errorf("log: %s", got)
	}
	c.eventually("the fault is over", func() bool { return p.Fault() == nil })
}

// TestNoSoundCard: aplay complains of it each time, the log once, until it works;
// then once more when it is gone again.
func TestNoSoundCard(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(`echo x >> "$DIR/tries"
if [ ! -e "$DIR/card" ]; then
  echo 'aplay: main:830: audio open error: No such file or directory' >&2
  echo 'and more' >&2
  exit 1
fi
` + recorder)}, time.Minute)
	tries := func(n int) func() bool {
		return func() bool {
			text, err := os.ReadFile(filepath.Join(c.dir, "tries"))
			return err == nil && len(text) == 2*n
		}
	}
	for i := range 3 {
		p.Play(said(signals.SaidFailed), 100)
		c.eventually("it is tried", tries(i+1))
	}
	c.eventually("there is a fault", func() bool { return p.Fault() != nil })
	if err := p.Fault(); !strings.Contains(err.Error(), "No such file or directory") || strings.Contains(err.Error(), "and more") {
		t.Errorf("fault: %v", err)
	}
	if n := strings.Count(c.log.String(), "the terminal has no sound"); n != 1 {
		t.Errorf("logged %d times: %s", n, c.log)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "card"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Play(said(signals.SaidFailed), 100)
	c.eventually("it works", func() bool { return len(c.played()) == 1 && p.Fault() == nil })
	if err := os.Remove(filepath.Join(c.dir, "card")); err != nil {
		t.Fatal(err)
	}
	p.Play(said(signals.SaidFailed), 100)
	c.eventually("it is gone again", func() bool { return strings.Count(c.log.String(), "the terminal has no sound") == 2 })
}

// TestNoProgram: a terminal without aplay goes on, and says so once.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: filepath.Join(c.dir, "none")}, time.Minute)
	p.Play(said(signals.SaidFailed), 100)
	c.eventually("there is a fault", func() bool { return p.Fault() != nil })
	for range 20 {
		p.Play(said(signals.SaidFailed), 100)
	}
	c.eventually("they are tried", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.waiting) == 0 })
	if n := strings.Count(c.log.String(), "the terminal has no sound"); n != 1 {
		t.Errorf("logged %d times: %s", n, c.log)
	}
}

// TestCloseEndsWhatIsPlayed at once, and what was waiting is not begun.
func TestCloseEndsWhatIsPlayed(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(`touch "$DIR/playing"
sleep 600`)}, 100*time.Millisecond)
	p.Play(received(99_99_999_99), 100)
	p.Play(received(100), 100)
	c.eventually("it begins", func() bool { _, err := os.Stat(filepath.Join(c.dir, "playing")); return err == nil })
	begun := time.Now()
	p.Close()
	p.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v to close", took)
	}
	p.Play(received(100), 100) // nobody hears it, and nothing breaks
	if c.log.String() != "" {
		t.Errorf("log: %s", c.log)
	}
}

// TestTheBuzzerGoesFirst: what is said waits for as long as the buzzer takes.
func TestTheBuzzerGoesFirst(t *testing.T) {
	t.Parallel()
	c := newCard(t)
	p := c.player(PlayerConfig{Program: c.program(recorder)}, time.Minute)
	begun := time.Now()
	p.Play(received(100), 100)
	c.eventually("it is played", func() bool { return len(c.played()) == 1 })
	if took, tone := time.Since(begun), signals.Tones()[2].Length(); took < tone {
		t.Errorf("it was said after %v, the tone takes %v", took, tone)
	}
}

// TestComplaintsAreShort: a program that talks without end fills no memory.
func TestComplaintsAreShort(t *testing.T) {
	t.Parallel()
	var s short
	for range 1000 {
		if n, err := s.Write([]byte("no card, ")); n != 9 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if len(s) != 400 || !strings.HasPrefix(s.line(), "no card, no card") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}
