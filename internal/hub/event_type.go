package hub

// EventType is what the hub knows of a type of event.
type EventType struct {
	// Type is the event's type.
	Type string
	// Title is the title of an event that comes without one, in Korean.
	Title string
	// Icon is the name of the type's icon in the console.
	Icon string
	// Sound and Priority are those of an event that comes without.
	Sound, Priority string
	// Korean and English are the type's names for people.
	Korean, English string
}

// The priorities of the known types; a publisher may send others.
const (
	PriorityLow    = "low"
	PriorityNormal = "normal"
	PriorityHigh   = "high"
	PriorityUrgent = "urgent"
)

// TypeNotice is the type of an event that was published as plain text.
const TypeNotice = "NOTICE"

var knownTypes = [...]EventType{
	{"EXCEL_COMPLETED", "엑셀 파일이 준비되었습니다", "table", "done", PriorityNormal, "엑셀 생성 완료", "Excel export ready"},
	{"ORDER_PLACED", "새 주문", "cart", "order", PriorityHigh, "새 주문", "New order"},
	{"CLAIM_FILED", "클레임이 접수되었습니다", "return", "claim", PriorityHigh, "클레임 접수", "Claim filed"},
	{"INQUIRY_CREATED", "새 문의가 등록되었습니다", "question", "inquiry", PriorityNormal, "새 문의", "New inquiry"},
	{"PRODUCT_APPROVAL", "상품 승인 알림", "check", "done", PriorityNormal, "상품 승인", "Product approval"},
	{"PRODUCT_INQUIRY", "새 상품 문의가 등록되었습니다", "box", "inquiry", PriorityNormal, "상품 문의", "Product inquiry"},
	{"FDS_DETECTED", "이상 거래가 감지되었습니다", "shield", "alarm", PriorityUrgent, "이상 거래 감지", "Fraud detected"},
	{TypeNotice, "공지사항", "megaphone", "notice", PriorityNormal, "공지사항", "Notice"},
}

// KnownTypes returns all that the hub knows of types, in the order in which to
// show them. The slice is the caller's.
func KnownTypes() []EventType { return append([]EventType(nil), knownTypes[:]...) }

// LookupType returns what the hub knows of a type, and whether it knows it.
func LookupType(name string) (EventType, bool) {
	for i := range knownTypes {
		if knownTypes[i].Type == name {
			return knownTypes[i], true
		}
	}
	return EventType{}, false
}
