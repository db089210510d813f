#![no_main]

ssdcrp_fuzz::target!(ssdcrp_fuzz::annotations, ssdcrp_fuzz::changed_text);
