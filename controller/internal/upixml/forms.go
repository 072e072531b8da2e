package upixml

// The forms of the fields. Ids are wider than NPCI's 35 letters, so that no
// sender fails for its own numbering.

// isID is [A-Za-z0-9._-]{1,most}.
func isID(text []byte, most int) bool {
	for _, c := range text {
		if !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= most
}

func isMessageID(text []byte) bool { return isID(text, 64) }

func isTxnRef(text []byte) bool { return isID(text, 35) }

// isCurrency is [A-Z]{3}.
func isCurrency(text []byte) bool {
	for _, c := range text {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(text) == 3
}

// isMCC is [0-9]{4}.
func isMCC(text []byte) bool { return isDigits(text, 4) }

// isMode is [0-9]{2}.
func isMode(text []byte) bool { return isDigits(text, 2) }

func isDigits(text []byte, count int) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) == count
}

// isToken is [!-~]{1,64}: whether it is a token of ours is not asked here.
func isToken(text []byte) bool { return isVisible(text) && len(text) <= 64 }

// isVisible is [!-~]+; upiuri bounds what a RefUrl holds.
func isVisible(text []byte) bool {
	for _, c := range text {
		if c < '!' || c > '~' {
			return false
		}
	}
	return len(text) > 0
}

// isStatus is [A-Z0-9]{2,16}.
func isStatus(text []byte) bool {
	for _, c := range text {
		if !alphanumeric(c) || c >= 'a' {
			return false
		}
	}
	return len(text) >= 2 && len(text) <= 16
}

// isRrn is [A-Za-z0-9]{1,35}.
func isRrn(text []byte) bool {
	for _, c := range text {
		if !alphanumeric(c) {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 35
}

func isCollectStatus(text []byte) bool {
	switch string(text) {
	case CollectSuccess, CollectDeclined, CollectExpired:
		return true
	}
	return false
}

func isTxnStatus(text []byte) bool {
	switch string(text) {
	case "SUCCESS", "FAILED", "PENDING", "REVERSED":
		return true
	}
	return false
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
