#![no_main]

ssdcrp_fuzz::target!(ssdcrp_fuzz::events, ssdcrp_fuzz::changed_text);
