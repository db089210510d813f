#![no_main]

ssdcrp_fuzz::target!(ssdcrp_fuzz::fit, ssdcrp_fuzz::changed_text);
